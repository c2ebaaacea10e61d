"""Fit a Debye temperature to measured heat capacities, with exact derivatives: python docs/examples/fit_debye_temperature.py

Copper, Cp in J/mol/K from the JANAF tables (Chase 1998); Cp - Cv = A Cv² T. Gauss-Newton needs dCv/dtheta, the entropy at the end is
-dF/dT; both come from the kernel by autograd.
"""

import torch

from cloudkit.kernels import thermodynamics

KELVIN = torch.tensor([100.0, 200.0, 250.0, 298.15], dtype=torch.float64)
CP = torch.tensor([16.010, 22.631, 23.782, 24.442], dtype=torch.float64)
A = 4e-6  # mol/J, from thermal expansion and bulk modulus of copper

theta = torch.tensor(450.0, dtype=torch.float64, requires_grad=True)
for step in range(8):
    cv = thermodynamics(theta, KELVIN).heat_capacity
    residual = cv + A * cv**2 * KELVIN - CP
    slope = torch.stack([torch.autograd.grad(one, theta, retain_graph=True)[0] for one in residual])
    with torch.no_grad():
        theta -= (slope @ residual) / (slope @ slope)
    print(f"step {step}: theta = {theta.item():.2f} K, mean error {residual.abs().mean().item():.3f} J/mol/K")

kelvin = torch.tensor(298.15, dtype=torch.float64, requires_grad=True)
free_energy = thermodynamics(theta.detach(), kelvin).free_energy
(slope_f,) = torch.autograd.grad(free_energy, kelvin)
print(
    f"theta = {theta.item():.0f} K (literature: 315 to 343 K); S(298.15 K) = -dF/dT = {-slope_f.item():.2f} J/mol/K (JANAF: 33.16)"
)
assert 290 < theta.item() < 350
