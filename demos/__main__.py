"""List the demos. Run one by ``python -m demos.NAME``; ``python -m demos.NAME --help`` is its manual."""

import ast
import importlib.util
import pkgutil
from collections.abc import Sequence

import demos
from demos.shared import command
from nnlite.codec.manual import Parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the list, and return the exit code."""
    names = summaries()
    width = max(map(len, names))
    table = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in names.items())
    parser = Parser("python -m demos", f"{__doc__}\n\ndemos:\n{table}")
    _, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(f"expected no arguments, received {' '.join(unknown)!r}: run a demo by python -m demos.NAME")
    print(f"{table}\n\nrun one with python -m demos.NAME; python -m demos.NAME --help is its manual")
    return 0


def summaries() -> dict[str, str]:
    """Return the first line of each demo's docstring by its name. This reads the sources and imports nothing."""
    found = {}
    for module in pkgutil.iter_modules(demos.__path__):
        specification = importlib.util.find_spec(f"demos.{module.name}")
        tree = ast.parse(specification.loader.get_source(specification.name))
        if is_program(tree) and module.name != "__main__":
            found[module.name] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def is_program(tree: ast.Module) -> bool:
    """Tell whether a module is a demo: a demo has ``if __name__ == "__main__"``, a helper has not."""
    return any(isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'" for node in tree.body)


if __name__ == "__main__":
    command.run(main)
