"""The promises about strategies, on a made-up fleet."""

from tests.bench.routing_fleet import Fleet, moved

JOBS = 750


def test_learned_does_better_than_least_loaded_and_random_on_a_fleet_with_bad_devices() -> None:
    seeds = (1, 2, 3)
    found = {
        name: [Fleet(name, seed, 0.2).run(JOBS) for seed in seeds]
        for name in ("learned", "least_loaded", "random")
    }
    means = {name: sum(r.mean_ms for r in results) for name, results in found.items()}
    assert means["learned"] < 0.9 * min(means["least_loaded"], means["random"]), means
    failed = {name: sum(r.failed for r in results) for name, results in found.items()}
    assert failed["learned"] < min(failed["least_loaded"], failed["random"]), failed


def test_few_keys_move_when_a_device_goes_or_comes() -> None:
    gone, come = moved(keys=2_000)
    assert gone < 1.3 / 10
    assert come < 1.3 / 11
