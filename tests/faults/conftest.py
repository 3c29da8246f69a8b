"""The servers and comparisons of the ClickHouse room, for faults of the whole gateway."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "clickhouse"))
