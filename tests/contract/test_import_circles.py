"""No file of a room imports a file that imports it, directly or through others; in functions and for types, too."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "lbp_prognosis"


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, known: set[str]) -> set[str]:
    """Modules of the package that a file names: at its top, inside functions, for the type checker."""
    out: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                out.add(inner if inner in known else node.module)
        elif isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
    return out & known


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of files that reach each other (Tarjan), each in alphabetical order."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    out: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group: list[str] = []
            while not group or group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1 or name in graph[name]:
                out.append(sorted(group))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return out


def package_graph() -> dict[str, set[str]]:
    paths = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    return {
        name: imports(ast.parse(path.read_text(encoding="utf-8")), set(paths)) - {name} for name, path in paths.items()
    }


def test_a_circle_is_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}, "e": {"e"}}
    assert circles(graph) == [["b", "c"], ["e"]]
    tree = ast.parse("def f():\n    from x.y import z\nif TYPE_CHECKING:\n    import x.w\n")
    assert imports(tree, {"x.y", "x.y.z", "x.w"}) == {"x.y.z", "x.w"}


def test_no_room_has_a_circle_of_files():
    graph = package_graph()
    room = {name: name.split(".")[1] if "." in name else "" for name in graph}
    inside = {name: {other for other in others if room[other] == room[name]} for name, others in graph.items()}
    assert circles(inside) == []
