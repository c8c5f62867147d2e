"""Benchmarks: a module per command of ``run.py``, settings in ``configs/``, ``speed/``."""
