"""``python -m brainsets_workflow``."""

from brainsets_workflow import main

if __name__ == "__main__":
    raise SystemExit(main())
