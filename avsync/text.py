"""Transcripts: what is written, what is spoken."""

from avsync.pronounce import UNITS, pronounce

__all__ = ["UNITS", "pronounce"]
