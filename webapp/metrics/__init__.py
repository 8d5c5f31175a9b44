"""Numbers for Prometheus: ``GET /metrics``. What each of them means: docs/metrics.md."""
