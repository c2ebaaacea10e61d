"""``python -m cloudkit.modelspec`` writes schemas/model.schema.json to standard output."""

import sys

from cloudkit.modelspec.schema import text

sys.stdout.write(text())
