"""Formatting of times, percentages and sizes."""

from __future__ import annotations

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)  # seconds


def clock(seconds: float, *, tenths: bool = False) -> str:
    """Format a time in seconds: '0:04', '0:04.2' with tenths, '1:02:03' from an hour on."""
    units = round(max(0.0, seconds) * 10) if tenths else round(max(0.0, seconds)) * 10
    whole, rest = divmod(units, 10)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
    return f"{text}.{rest}" if tenths else text


def ticks(duration: float, *, most: int) -> list[float]:
    """Round tick positions (s) for an axis from 0 to duration, at most `most` of them, always with 0."""
    for step in _STEPS:
        if duration / step < most:
            return [index * step for index in range(int(duration / step) + 1)]
    return [0.0]


def percent(share: float) -> str:
    """Format a share, 0 to 1, in whole per cent, never rounded up to '100 %' or down to '0 %'."""
    whole = round(100 * share)
    if whole >= 100 and share < 1:
        return "99 %"
    if whole <= 0 and share > 0:
        return "under 1 %"
    return f"{whole} %"


def megabytes(size: int) -> str:
    """Format bytes as '15.3 MB' (10^6 bytes)."""
    return f"{size / 1e6:.1f} MB"
