"""Memory of a process and its children, read from /proc."""

from pathlib import Path


def resident_bytes(process: int) -> int:
    """Bytes resident in a process and all below it."""
    total, todo = 0, [process]
    while todo:
        one = todo.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text()
            total += int(status.split("VmRSS:")[1].split()[0]) * 1024
            for task in Path(f"/proc/{one}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
        except (OSError, IndexError):  # the process ended in between
            continue
    return total
