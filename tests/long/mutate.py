"""``python -m tests.long.mutate``: whether the tests notice faults, put into the package on purpose, one at a time.

mutmut and cosmic-ray were tried first. mutmut 3.8 leaves every decorated function alone, and so all kernels, the range coder,
properties and the constants of modules. cosmic-ray 8.7 starts an interpreter for each mutant, two seconds of imports, and so hours
for the whole. Here numba, NumPy and pytest are imported once and forked, which makes it three minutes, see `tests.long.trials`.
Numba's compiler is off: the loops run as Python, and are the same ones.
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
RESULTS = ROOT / "out" / "mutation.json"
REASONS = Path(__file__).with_name("survivors.txt")

# Which tests are to notice a fault in which module.
TESTS = {
    "layers": "test_layers test_activations",
    "reshaping": "test_layers",
    "activations": "test_activations test_layers",
    "more_activations": "test_activations test_layers",
    "losses": "test_losses",
    "more_losses": "test_losses",
    "optimizers": "test_optimizers test_golden_training test_schedules test_checkpoint",
    "more_optimizers": "test_optimizers test_schedules test_checkpoint",
    "kernels": "test_kernels",
    "parameters": "test_parameters",
    "penalties": "test_penalties test_layers",
    "normalization": "test_normalization test_layers",
    "regularization": "test_regularization test_layers",
    "tied": "test_tied test_layers",
    "codec.quantizer": "codec/test_quantizer",
    "codec.entropy": "codec/test_entropy codec/test_entropy_damage",
    "codec.tables": "codec/test_tables codec/test_entropy_damage",
    "codec.container": "codec/test_container",
}
UNEXPLAINED = "**No reason is known: a test is missing.**"

Outcomes = dict[str, tuple[int, str]]  # for the key of each mutant its line, and "killed", "timeout" or "survived"


def all_mutants(module: str) -> list[Mutant]:
    """Return the mutants of a module."""
    path = ROOT / "nnlite" / (module.replace(".", "/") + ".py")
    return list(mutants(path.read_text(), str(path)))


def examine(module: str, chosen: list[Mutant]) -> Outcomes:
    """Try these mutants of a module, and say on the way which survive."""
    from tests.long.trials import Trials

    start, outcomes = time.monotonic(), {}
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(f"nnlite.{module}", [f"tests/{name}.py" for name in TESTS[module].split()], Path(folder))
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
    counts = {f"`{module}`": count(outcomes) for module, outcomes in results.items()}
    lines = [
        "# How many faults the tests notice",
        "",
        f"`{command}`, {time.strftime('%Y-%m-%d')}, {_machine()}, Python {platform.python_version()}.",
        "",
        f"{len(results)} modules are tried: layers, losses, optimizers, kernels, the codec's integer parts and others. "
        "Each mutant is the package with one small fault: `<` for `<=`, `+` for `-`, another constant, a condition negated or left "
        "out, a statement or an argument left out, and the like, see `tests/long/mutations.py`. It is killed when a test of its "
        "module fails; a timeout, when the tests do not come to an end, counts as well.",
        "",
        "| module | mutants | killed | timeout | survived | noticed |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(_row(name, numbers) for name, numbers in counts.items()),
        _row("**all**", sum(counts.values(), Counter())),
        "",
        "## The survivors, and why",
    ]
    for reason, listed in groups.items():
        alive = [mutant.partition(" | ") for mutant in listed if mutant in survivors]
        if alive:
            lines += ["", reason, ""]
            lines += [f"- `{module}`, line {survivors[module + bar + key]}, ``{key}``" for module, bar, key in alive]
    return "\n".join(lines) + "\n"


def _row(name: str, numbers: Counter) -> str:
    killed, timeout, survived = numbers["killed"], numbers["timeout"], numbers["survived"]
    share = (killed + timeout) / max(numbers.total(), 1)
    return f"| {name} | {numbers.total()} | {killed} | {timeout} | {survived} | {share:.1%} |"


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    return f"{os.cpu_count()}-core {names[0] if names else platform.processor()}".replace("(R)", "")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.long.mutate", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--module", nargs="+", choices=TESTS, default=list(TESTS), help="only these, such as layers")
    parser.add_argument("--sample", type=int, metavar="N", help="only N mutants, chosen at random, for a first look")
    parser.add_argument("--seed", type=int, default=0, help="of that choice (%(default)s)")
    parser.add_argument("--survivors", action="store_true", help="only those that survived the last time, for no known reason")
    parser.add_argument("--report", metavar="FILE", help="write the last results of all modules as Markdown")
    arguments = parser.parse_args()

    os.chdir(ROOT)
    results: dict[str, Outcomes] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    chosen = [(module, mutant) for module in arguments.module for mutant in all_mutants(module)]
    if arguments.survivors:
        explained = {mutant for listed in read_reasons(REASONS.read_text()).values() for mutant in listed}

        def again(module: str, mutant: Mutant) -> bool:
            known = results.get(module, {}).get(mutant.key)
            return known is None or (known[1] == "survived" and f"{module} | {mutant.key}" not in explained)

        chosen = [(module, mutant) for module, mutant in chosen if again(module, mutant)]
    if arguments.sample:
        chosen = random.Random(arguments.seed).sample(chosen, min(arguments.sample, len(chosen)))

    from tests.long import trials

    trials.prepare()
    for module in arguments.module:
        outcomes = examine(module, [mutant for m, mutant in chosen if m == module])
        if not arguments.sample:
            known = results.get(module, {}) | outcomes
            results[module] = {mutant.key: (mutant.line, known[mutant.key][1]) for mutant in all_mutants(module)}
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    if arguments.report:
        command = f"python -m tests.long.mutate --report {arguments.report}"
        ordered = {module: results[module] for module in TESTS if module in results}
        Path(arguments.report).write_text(report(ordered, read_reasons(REASONS.read_text()), command))


if __name__ == "__main__":
    main()
