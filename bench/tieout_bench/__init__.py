"""Benchmarks. Every figure stands beside a floor or a peer measured in the same run; medians and ratios count."""
