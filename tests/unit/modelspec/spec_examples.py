"""Specs that the tests of this folder change."""

RICH = """\
cloudkit: 1
name: rich
tokens:
  dialect: reduced
  vocabulary: compact
  max_length: 64
init_from: null
encoder:
  kind: transformer
  size: small
  layers: 3
  heads: 4
  width: 128
  dropout: 0.05
  feedforward: 256
  norm: rms
  gated: true
  activation: silu
  positions: none
  features: true
  merge: false
  pooling: cls_mean
heads:
  mlm:
    kind: masked_tokens
    mask: 0.15
    hide: tokens
  shape:
    kind: geometry
    targets: [stiffness]
  gap:
    kind: regression
    outputs: [band_gap]
    hidden: 32
    transform: log
    dropout: 0.2
  metal:
    kind: classification
    output: conductor
    classes: [metal, insulator]
    positive: metal
    class_weights: balanced
    threshold: f1
  thermal:
    kind: thermal
    modes: debye
    outputs: [heat_capacity, entropy]
  dos:
    kind: thermal
    modes: spectrum
    outputs: [phonon_density]
    tolerance: 0.02
    cp_minus_cv: 5e-6
folds:
  count: 5
  seed: 2
  fold: 0
  stratified: false
tasks:
  - kind: pretrain
    head: mlm
    data:
      builtin: thermal
      part: train
      fraction: 0.5
    epochs: 20
    exclude_shared: string
    exclude_from:
      - builtin: minerals
    split_by: random
    batch: 64
    bucket_batches: 8
    learning_rate: 1e-3
    weight_decay: 0.01
    warmup: 0.05
    max_grad_norm: 1.0
    ema_decay: 0.99
    validation_fraction: 0.05
  - kind: finetune
    head: thermal
    data:
      path: cv.csv
      where: {phase: [alpha, 2]}
      columns:
        text: cloud
        n_atoms: n_atoms
        structure: null
        id: name
        source: null
      targets:
        - column: cv
          missing: skip
          weight: 0.5
          quantity: heat_capacity
          temperature: 300
          unit: J/mol_cell/K
    validation_fraction: 0.1
    loss: huber
  - kind: finetune
    head: gap
    data:
      path: gap.csv
      targets:
        - column: gap
          quantity: band_gap
          unit: eV
    freeze: 1
    layer_decay: 0.7
    patience: 5
    ensemble:
      members: 3
      blend: extra_trees
      validation: different
  - kind: evaluate
    head: thermal
    data:
      builtin: thermal
      part: test
      targets:
        - column: heat_capacity
          quantity: heat_capacity
          temperature: temperature
          unit: J/mol_atom/K
    baselines: [mean, ridge]
    metric: rmse
  - kind: finetune
    head: metal
    data:
      path: metals.csv
      targets:
        - column: gap
          quantity: conductor
          cuts: [0.5]
    validation_fraction: 0.2
  - kind: finetune
    head: dos
    data:
      join:
        - path: g.csv
          source: PBE
          targets:
            - column: g
              quantity: phonon_density
              frequency: nu
              frequency_unit: meV
              unit: modes/meV/atom
        - builtin: prototypes
          targets:
            - column: g
              quantity: phonon_density
              frequency: 3.0
              unit: modes/THz/cell
run:
  seed: 1
  precision: auto
  devices: 2
  nodes: 1
  strategy: ddp
  accelerator: cpu
  checkpoint: 60
sweep:
  grid: {encoder.width: [64, 128]}
"""

PUBLISHED = """\
cloudkit: 1
name: published
tokens:
  dialect: reduced
  vocabulary: cloud
  max_length: 64
encoder:
  kind: bert
  layers: 2
  heads: 4
  width: 128
  feedforward: 256
  activation: gelu
  dropout: 0.1
  attention_dropout: 0.1
  norm_eps: 1e-12
  positions: 64
  token_types: 2
  padding_row: 0
  pooling: cls
heads:
  mlm:
    kind: masked_tokens
    mask: 0.15
    tied: true
tasks:
  - kind: pretrain
    head: mlm
    data:
      builtin: minerals
"""


def line_of(text: str, part: str) -> int:
    """Line, from 1, of the only place where `text` has `part`."""
    assert text.count(part) == 1, part
    return text[: text.index(part)].count("\n") + 1
