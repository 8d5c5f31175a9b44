"""How many examples are enough, and that a real server may take its time."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "server",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize=False,
    print_blob=True,
)
settings.load_profile("server")
