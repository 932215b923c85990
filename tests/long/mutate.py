"""``python -m tests.long.mutate``: whether the tests notice faults, put into the package on purpose, one at a time.

mutmut and cosmic-ray were tried first. mutmut 3.8 leaves every decorated function alone, and so all kernels, the range coder,
properties and the constants of modules. cosmic-ray 8.7 starts an interpreter for each mutant, two seconds of imports, and so hours
for the whole. Here numba, NumPy and pytest are imported once and forked, see `tests.long.trials`.
Numba's compiler is off: the loops run as Python, and are the same ones. Only for what is nothing without the compiler it is on, see
`tests.long.compiled_trials`.
"""

import argparse
import json
import os
import platform
import random
import re
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.long.mutations import Mutant, mutants

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "nnlite"
RESULTS = ROOT / "out" / "mutation.json"
REASONS = Path(__file__).with_name("survivors.txt")

# Which tests are to notice a fault in a module: the file named after it, such as tests/layers/test_noise.py for layers.noise, and
# test_rooms.py for a room's list of names, but for these.
TESTS = {
    "__main__": "codec/test_commands",
    "gradcheck": "test_gradcheck test_arguments",
    "metrics": "test_metrics test_losses",
    "arrays": "test_arrays layers/test_layer_and_dense models/test_targets test_arguments",
    "layers": "layers/test_activations layers/test_layer_and_dense",
    "layers.layer": "layers/test_parameter layers/test_layer_and_dense test_states test_arguments test_arrays",
    "layers.dense": "layers/test_layer_and_dense layers/test_tied test_states test_arguments",
    "layers.activations": "layers/test_activations layers/test_layer_and_dense test_states",
    "layers.rectifiers": "layers/test_activations layers/test_layer_and_dense test_arguments",
    "layers.stack": "layers/test_layer_and_dense models/test_sequential training/test_callbacks test_states test_arguments",
    "layers.noise": "layers/test_noise layers/test_layer_and_dense test_arguments",
    **{
        f"layers.{name}": f"layers/test_{name} layers/test_layer_and_dense test_arguments"
        for name in ("normalization", "penalties", "sampling")
    },
    "losses": "test_losses test_arguments",
    "lbfgs": "test_lbfgs test_arguments",
    "optimizers": "optimizers/test_optimizers",
    "optimizers.optimizer": "optimizers/test_optimizers test_states training/test_golden_training test_arguments",
    "optimizers.adam_relatives": "optimizers/test_optimizers test_arguments",
    "files.weights": "files/test_weights training/test_resume",
    "files.whole_files": "files/test_whole_files pictures/test_picture_folder",
    "datasets.idx": "datasets/test_datasets",
    "datasets.mnist": "datasets/test_datasets test_arguments",
    "training.batches": "training/test_batches models/test_sequential models/test_targets",
    "training.loop": "training/test_loop models/test_sequential training/test_callbacks training/test_watch training/test_resume",
    "training.augmentation": "training/test_augmentation test_arguments",
    "training.checks": "training/test_checks models/test_targets",
    "training.progress": "training/test_progress training/test_callbacks",
    "training.schedules": "training/test_schedules test_arguments",
    "training.callbacks": "training/test_callbacks training/test_checks test_arguments",
    "training.best": "training/test_best training/test_callbacks training/test_checks test_states",
    "training.records": "training/test_callbacks training/test_live_plot test_states",
    "training.job": "training/test_job training/test_resume",
    "models.autoencoder": "models/test_autoencoder models/test_targets",
    "models.sequential": "models/test_sequential models/test_autoencoder models/test_targets training/test_watch test_states "
    "test_arguments",
    "pictures.png": "pictures/test_png pictures/test_picture_files",
    "pictures.picture_files": "pictures/test_picture_files pictures/test_picture_folder",
    "codec.context_tables": "codec/test_context_tables codec/lossless/test_neighbours",
    "codec.digits.decoding": "codec/digits/test_image_codec",
    "files.torch_names": "files/test_torch_and_keras",
    "products.processor": "products/test_matrix_product training/test_compiled",
    "training.compiled_loops": "training/test_compiled",
    "training.row_functions": "training/test_compiled",
    "training.translation": "training/test_compiled",
    "codec.photographs.contexts": "codec/photographs/test_coefficients codec/photographs/test_model "
    "codec/photographs/test_photograph_codec",
    "codec.photographs.coefficients": "codec/photographs/test_coefficients codec/photographs/test_photograph_codec",
    "codec.photographs.model": "codec/photographs/test_model codec/photographs/test_photograph_codec",
    "codec.photographs.pixel_network": "codec/photographs/test_pixel_network codec/photographs/test_photograph_codec",
    "codec.photographs.transform": "codec/photographs/test_transform codec/photographs/test_photograph_codec",
    **{
        f"codec.lossless.{name}": f"codec/lossless/test_{name} codec/lossless/test_lossless_codec"
        for name in ("neighbours", "digits", "least_squares", "pictures")
    },
    "codec.frequency_tables": "codec/test_frequency_tables codec/test_range_coder_damage",
    "codec.range_coder": "codec/test_range_coder codec/test_range_coder_damage",
}
SLOW = [  # tests that take long without the compiler, or start programs, and notice nothing that quicker ones do not
    "training/test_resume.py::test_a_training_that_is_killed_again_and_again_ends_with_the_same_bytes",
    *(f"codec/test_mixing.py::test_a_decoder_returns_the_bits_and_learns_the_same[{seed}]" for seed in (1, 2, 3, 4)),
]
COMPILED = {  # modules whose code is nothing without the compiler, or most of whose tests; and a program of its own
    "__main__",
    "codec.any_codec",
    "codec.commands",
    "codec.lossless.digits",
    "codec.lossless.least_squares",
    "codec.lossless.lossless_codec",
    "codec.lossless.pictures",
    "codec.photographs.contexts",
    "codec.photographs.photograph_codec",
    "codec.photographs.pixel_network",
    "codec.photographs.transform",
    "jit",
    "products.matrix_product",
    "products.processor",
    "training.compiled",
    "training.compiled_loops",
    "training.row_functions",
    "training.translation",
}
SAMPLE = "of each module all bounds, and N others at random, a third of N where the compiler is on: a first look"
EQUAL = "Equal: "  # how the reason begins for a mutant that does the same as the module
UNEXPLAINED = "**No reason is known: a test is missing.**"

Outcomes = dict[str, tuple[int, str]]  # for the key of each mutant its line, and "killed", "timeout" or "survived"


def modules() -> dict[str, Path]:
    """Return the files of all modules by their dotted names, such as "layers.dense"; a room is its `__init__`."""
    paths = sorted(PACKAGE.rglob("*.py"))
    names = (".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").strip(".") for path in paths)
    return dict(zip((name or "nnlite" for name in names), paths, strict=True))


def files_of(module: str) -> list[str]:
    """Return the files of tests that are to notice a fault in a module."""
    place, _, name = f".{module}".rpartition(".")
    is_room = modules()[module].stem == "__init__"
    usual = "test_rooms" if is_room else f"{place.strip('.')}/test_{name}".replace(".", "/").strip("/")
    return [f"tests/{file}.py" for file in TESTS.get(module, usual).split()]


def all_mutants(module: str) -> list[Mutant]:
    """Return the mutants of a module."""
    path = modules()[module]
    return list(mutants(path.read_text(), str(path)))


def is_bound(key: str) -> bool:
    """Return whether a mutant is `<` for `<=` or the like: what shows only at the limit itself."""
    return re.search("⟦(<=? → <=?|>=? → >=?)⟧", key) is not None


def sample(among: list[Mutant], number: int, seed: int) -> list[Mutant]:
    """Return all bounds and so many others, in their order."""
    others = [mutant.key for mutant in among if not is_bound(mutant.key)]
    drawn = set(random.Random(seed).sample(others, min(number, len(others))))
    return [mutant for mutant in among if is_bound(mutant.key) or mutant.key in drawn]


def examine(module: str, chosen: list[Mutant]) -> Outcomes:
    """Try these mutants of a module, and say on the way which survive."""
    from tests.long.compiled_trials import CompiledTrials
    from tests.long.trials import Trials

    start, outcomes = time.monotonic(), {}
    with tempfile.TemporaryDirectory() as folder:
        name = "nnlite" if module == "nnlite" else f"nnlite.{module}"
        options = modules()[module], files_of(module), [f"tests/{test}" for test in SLOW]
        trials = (
            CompiledTrials(ROOT, *options, RESULTS.with_name("compiled"))
            if module in COMPILED
            else Trials(name, *options, Path(folder))
        )
        for mutant, outcome in trials.outcomes(chosen):
            outcomes[mutant.key] = (mutant.line, outcome)
            if outcome == "survived":
                print(f"{module} | {mutant.key}", flush=True)
    print(f"{module}: {dict(count(outcomes))}, {time.monotonic() - start:.0f} s", flush=True)
    return outcomes


def count(outcomes: Outcomes) -> Counter:
    """Return how many mutants ended how."""
    return Counter(outcome for _, outcome in outcomes.values())


def read_reasons(text: str) -> dict[str, list[str]]:
    """Return the reasons for survivors: a line "# reason", then a line "module | key" for each of its mutants."""
    reasons: dict[str, list[str]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("# "):
            listed = reasons.setdefault(line.removeprefix("# "), [])
        else:
            listed.append(line)
    return reasons


def report(results: dict[str, Outcomes], reasons: dict[str, list[str]], command: str) -> str:
    """Return the results of all modules as a page of Markdown."""
    survivors = {
        f"{m} | {key}": line for m, outcomes in results.items() for key, (line, end) in outcomes.items() if end == "survived"
    }
    explained = {mutant for listed in reasons.values() for mutant in listed}
    groups = reasons | {UNEXPLAINED: [mutant for mutant in survivors if mutant not in explained]}
    tried = {f"{m} | {key}": outcome for m, outcomes in results.items() for key, outcome in outcomes.items()}
    bounds = {key: outcome for key, outcome in tried.items() if is_bound(key)}
    equal = {mutant for reason, listed in reasons.items() if reason.startswith(EQUAL) for mutant in listed}
    missing = ", ".join(f"`{module}`" for module in modules() if module not in results and all_mutants(module))
    compiled = ", ".join(f"`{module}`" for module in sorted(COMPILED & results.keys()))
    lines = [
        "# How many faults the tests notice",
        "",
        f"`{command}`, {time.strftime('%Y-%m-%d')}, {_machine()}, Python {platform.python_version()}.",
        "",
        "Each mutant is the package with one small fault: `<` for `<=`, `+` for `-`, another constant, a condition negated or left "
        "out, a statement or an argument left out, and the like, see `tests/long/mutations.py`. It is killed when a test of its "
        "module fails; a timeout, when the tests do not come to an end, counts as well. A sample (`--sample`) holds all bounds of "
        "a module, `<` for `<=` and the like, which show only at the limit itself, and some of its other mutants, drawn at random. "
        "No test can notice a mutant that computes the same as the module; the reason says which do. They are counted, but for the "
        "two last lines of the table. "
        f"{len(results)} modules have been tried, {compiled} with the compiler on"
        f"{'; not yet: ' * bool(missing)}{missing}.",
        "",
        "| module | tried | killed | timeout | survived | noticed |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(_row(f"`{module}`", outcomes) for module, outcomes in results.items()),
        _row("**all**", tried),
        _row("bounds alone", bounds),
        _row("all without the equal", {key: outcome for key, outcome in tried.items() if key not in equal}),
        _row("bounds without the equal", {key: outcome for key, outcome in bounds.items() if key not in equal}),
        "",
        "## The survivors, and why",
    ]
    for reason, listed in groups.items():
        alive = [mutant.partition(" | ") for mutant in listed if mutant in survivors]
        if alive:
            lines += ["", reason, ""]
            lines += [f"- `{module}`, line {survivors[module + bar + key]}, ``{key}``" for module, bar, key in alive]
    return "\n".join(lines) + "\n"


def _row(name: str, outcomes: Outcomes) -> str:
    killed, timeout, survived = (count(outcomes)[end] for end in ("killed", "timeout", "survived"))
    share = (killed + timeout) / max(len(outcomes), 1)
    return f"| {name} | {len(outcomes)} | {killed} | {timeout} | {survived} | {share:.1%} |"


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    return f"{os.cpu_count()}-core {names[0] if names else platform.processor()}".replace("(R)", "")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.long.mutate", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--module", nargs="+", choices=modules(), default=list(modules()), help="only these, such as layers.dense")
    parser.add_argument("--sample", type=int, metavar="N", help=SAMPLE)
    parser.add_argument("--seed", type=int, default=0, help="of that choice (%(default)s)")
    parser.add_argument("--survivors", action="store_true", help="only those that survived the last time, for no known reason")
    parser.add_argument("--report", metavar="FILE", help="write the last results of all modules as Markdown")
    arguments = parser.parse_args()

    os.chdir(ROOT)
    results: dict[str, Outcomes] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    explained = {mutant for listed in read_reasons(REASONS.read_text()).values() for mutant in listed}

    from tests.long import trials

    trials.prepare()
    for module in arguments.module:
        known = results.get(module, {})
        chosen = everything = all_mutants(module)
        if arguments.survivors:
            alive = {key for key, (_, outcome) in known.items() if outcome == "survived" and f"{module} | {key}" not in explained}
            chosen = [mutant for mutant in everything if mutant.key in alive]
        if arguments.sample is not None:
            chosen = sample(chosen, arguments.sample // (3 if module in COMPILED else 1), arguments.seed)
        known |= examine(module, chosen) if chosen else {}
        results[module] = {mutant.key: (mutant.line, known[mutant.key][1]) for mutant in everything if mutant.key in known}
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    if arguments.report:
        size = "" if arguments.sample is None else f"--sample {arguments.sample} "
        command = f"python -m tests.long.mutate {size}--report {arguments.report}"
        ordered = {module: results[module] for module in modules() if results.get(module)}
        Path(arguments.report).write_text(report(ordered, read_reasons(REASONS.read_text()), command))


if __name__ == "__main__":
    main()
