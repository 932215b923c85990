"""Tests that take minutes: commands of their own, see tests/README.md."""
