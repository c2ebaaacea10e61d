"""Optimize a composition for a target, by gradients through the trained model: python docs/examples/design_composition.py

Which mixture of the rock salts MgO, CaO, SrO and BaO has a heat capacity of 12 J/mol_atom/K at 100 K? Frequencies of the mixture are
taken as geometric means of those of its ends (a virtual crystal), weighted by composition; shares add up to 1 by a softmax.
"""

import torch

from cloudkit.data import Tokens
from cloudkit.models import load_model, predict_modes, shipped
from cloudkit.models.thermal import Modes
from cloudkit.tables import generator_text

ENDS, TARGET, KELVIN = ("Mg", "Ca", "Sr", "Ba"), 12.0, torch.tensor([100.0], dtype=torch.float64)

model = load_model(shipped()["thermal"])
texts = [f"{generator_text(225)} | {metal} 4a O 4b" for metal in ENDS]
ends, _ = predict_modes(model, "thermal", Tokens(*model.tokenizer.encode_batch(texts)))
ends = Modes(*(part.clone() for part in ends))


def mixture(weights: torch.Tensor) -> Modes:
    """Geometric means of frequencies; all ends have the same shares of modes."""
    debye, einstein = (torch.exp(weights @ part.log())[None] for part in (ends.debye, ends.einstein))
    return Modes(debye, ends.debye_share[:1], einstein, ends.einstein_share[:1])


logits = torch.zeros(len(ENDS), dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.Adam([logits], lr=0.1)
for step in range(200):
    cv = mixture(torch.softmax(logits, 0)).thermodynamics(KELVIN).heat_capacity[0, 0]
    loss = (cv - TARGET) ** 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step}: Cv = {cv.item():.3f} J/mol_atom/K")

shares = torch.softmax(logits, 0).tolist()
print(
    "found: "
    + " ".join(f"{metal} {share:.2f}" for metal, share in zip(ENDS, shares, strict=True))
    + f" O, Cv(100 K) = {cv.item():.3f}"
)
assert abs(cv.item() - TARGET) < 0.05
