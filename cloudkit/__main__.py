"""`python -m cloudkit`, which torchrun and srun can start."""

from cloudkit.cli import main

if __name__ == "__main__":
    main()
