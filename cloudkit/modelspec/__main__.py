"""``python -m cloudkit.modelspec`` writes schemas/model.schema.json to standard output."""

import sys

from cloudkit.modelspec.spec import schema_text

sys.stdout.write(schema_text())
