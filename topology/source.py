"""YAML 1.2 (core schema) as plain values, with the position of every key and value.

The file is composed once by libyaml; positions are looked up in the composed nodes only when
a diagnostic asks for them. Source: YAML 1.2.2, section 10.3.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import yaml
from yaml._yaml import CParser
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from topology.diagnostics import Code, Diagnostic, Path, Position, Subject

__all__ = ["MAX_DEPTH", "MAX_VALUES", "Plain", "Source", "SourceError"]

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

MAX_DEPTH = 32
"""Levels of nesting; the format needs nine."""

MAX_VALUES = 1_000_000
"""Values after aliases are followed, so that a small file cannot stand for a huge one."""

_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_STR = "tag:yaml.org,2002:str"
_SEQ = "tag:yaml.org,2002:seq"
_MAP = "tag:yaml.org,2002:map"

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {
    text: text[0] in "tT"
    for word in ("true", "false")
    for text in (word, word.title(), word.upper())
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_MAYBE_NUMBER = frozenset("0123456789+-.")
_MAX_DIGITS = 20
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class SourceError(Exception):
    """The text cannot be read any further; `diagnostic` says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


class _Composer(CParser):
    """libyaml's parser with the implicit types of YAML 1.2 and a limit of depth.

    The composer recurses in C: without the limit a deep file overflows the stack.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def resolve(self, kind: type[Node], value: str | None, implicit: object) -> str:
        if kind is ScalarNode:
            plain = isinstance(implicit, tuple) and bool(implicit[0])
            return _implicit_tag(value or "") if plain else _STR
        return _SEQ if kind is SequenceNode else _MAP

    def descend_resolver(self, parent: Node | None, index: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH + 1 and parent is not None:
            raise _TooDeep(parent.start_mark.line, parent.start_mark.column)

    def ascend_resolver(self) -> None:
        self._depth -= 1


class _TooDeep(Exception):
    """Raised through the C composer, with the line and column where it stopped."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.line, self.column = line, column


def _implicit_tag(value: str) -> str:
    if value[:1] in _MAYBE_NUMBER and value:
        if _INTEGER.fullmatch(value):
            return _INT
        return _FLOAT if _NUMBER.fullmatch(value) else _STR
    if value in _NULLS:
        return _NULL
    return _BOOL if value in _BOOLS else _STR


class Source:
    """A composed YAML text: its plain value, and the positions in it."""

    def __init__(self, file: str, text: str) -> None:
        """Raises `SourceError` when `text` is not one YAML document within the limits."""
        self.file = file
        self._text = text
        self._lines: list[str] | None = None
        self._children: dict[int, dict[str | int, tuple[Node | None, Node]]] = {}
        try:
            self._root = _Composer(text).get_single_node()
        except _TooDeep as deep:
            summary = f"nesting is deeper than {MAX_DEPTH} levels"
            raise self._error(Code.TOO_DEEP, summary, deep.line, deep.column) from None
        except yaml.MarkedYAMLError as error:
            raise self._syntax(error) from None
        except yaml.reader.ReaderError as error:
            raise self._character(error) from None

    def plain(self) -> tuple[Plain, list[Diagnostic]]:
        """The document as plain values, and what YAML allows but a topology does not."""
        reader = _Reader(self)
        return (None if self._root is None else reader.value(self._root, ())), reader.diagnostics

    def locate(self, subject: Subject) -> Subject:
        """The subject with its position; parts of its path that the file leaves out are skipped."""
        key: Node | None = None
        node, found = self._root, list[str | int]()
        for part in subject.path:
            child = self._of(node).get(part) if node is not None else None
            if child is not None:
                key, node = child
                found.append(part)
        on_key = subject.on_key or not isinstance(node, ScalarNode)
        place = key if on_key and key is not None else node
        position = Position(self.file, 1, 1) if place is None else self.position(place)
        return Subject(tuple(found) or subject.path, position, subject.on_key)

    def position(self, node: Node) -> Position:
        """Where a composed node starts."""
        start, end = node.start_mark, node.end_mark
        text = self._line(start.line)
        length = end.column - start.column if end.line == start.line else len(text) - start.column
        return Position(self.file, start.line + 1, start.column + 1, max(length, 1), text)

    def _of(self, node: Node) -> dict[str | int, tuple[Node | None, Node]]:
        children = self._children.get(id(node))
        if children is None:
            children = {}
            if isinstance(node, MappingNode):
                for key, value in node.value:
                    if isinstance(key, ScalarNode):
                        children.setdefault(key.value, (key, value))
            elif isinstance(node, SequenceNode):
                children = {index: (None, item) for index, item in enumerate(node.value)}
            self._children[id(node)] = children
        return children

    def _line(self, number: int) -> str:
        if self._lines is None:
            self._lines = _LINE_BREAK.split(self._text)
        return self._lines[number] if number < len(self._lines) else ""

    def _error(
        self,
        code: Code,
        summary: str,
        line: int = 0,
        column: int = 0,
        detail: str = "",
        hint: str = "",
    ) -> SourceError:
        position = Position(self.file, line + 1, column + 1, 1, self._line(line))
        return SourceError(Diagnostic(code, summary, Subject((), position), detail, hint))

    def _syntax(self, error: yaml.MarkedYAMLError) -> SourceError:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        problem = error.problem or "this is not YAML"
        hint = ""
        if "\t" in self._line(line)[: column + 1]:
            hint = "indent with spaces, YAML has no tabs there"
        elif "single document" in (error.context or "") + problem:
            hint = "keep one document in a file: remove the --- between them"
        elif "unexpected ':'" in problem:
            hint = 'quote an address that ends with a colon: "2001:db8::"'
        elif "alias" in problem:
            hint = "quote text that starts with *"
        return self._error(
            Code.SYNTAX, f"not YAML: {problem}", line, column, error.context or "", hint
        )

    def _character(self, error: yaml.reader.ReaderError) -> SourceError:
        # The parser was given UTF-8 made from the text, and counts its bytes.
        before = self._text.encode()[: error.position].decode(errors="ignore")
        lines = _LINE_BREAK.split(before)
        return self._error(
            Code.NOT_UTF8,
            "a character that YAML does not allow",
            len(lines) - 1,
            len(lines[-1]),
            str(error.reason),
            "remove the control character",
        )


class _Reader:
    """One walk over the composed nodes."""

    def __init__(self, source: Source) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._source = source
        self._values = 0

    def value(self, node: Node, path: Path) -> Plain:
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._refused(node, path, f"the file stands for more than {MAX_VALUES:,} values")
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if len(path) >= MAX_DEPTH:
            raise self._refused(node, path, f"nesting is deeper than {MAX_DEPTH} levels")
        if node.tag not in (_SEQ, _MAP) or (node.tag == _SEQ) != isinstance(node, SequenceNode):
            self._tag(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._mapping(node, path)

    def _mapping(self, node: Node, path: Path) -> dict[str, Plain]:
        result: dict[str, Plain] = {}
        first: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._add(
                    Code.YAML_FEATURE,
                    "a key is not text",
                    key,
                    path,
                    hint="write the key as a plain word",
                )
                continue
            name = key.value
            here = (*path, name)
            if name in first:
                earlier = first[name].start_mark
                self._add(
                    Code.DUPLICATE_KEY,
                    f"`{name}` stands here twice",
                    key,
                    here,
                    f"It was first written in line {earlier.line + 1}.",
                    "remove or rename one of them",
                )
                continue
            if name == "<<" and not key.style:
                self._add(
                    Code.YAML_FEATURE,
                    "YAML 1.2 has no merge keys",
                    key,
                    here,
                    hint="write the keys out, or build the topology in Python",
                )
                continue
            first[name] = key
            result[name] = self.value(value, here)
        return result

    def _scalar(self, node: Node, path: Path) -> Plain:
        text, tag = str(node.value), node.tag
        if tag == _STR:
            return text
        if tag == _NULL:
            return None
        if tag == _BOOL and text in _BOOLS:
            return _BOOLS[text]
        if tag == _INT and _INTEGER.fullmatch(text):
            if len(text) > _MAX_DIGITS:
                self._add(Code.BAD_VALUE, "this number is too long", node, path)
                return 0
            return int(text) if _DECIMAL.fullmatch(text) else int(text, 0)
        if tag == _FLOAT and _NUMBER.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        self._tag(node, path)
        return text

    def _tag(self, node: Node, path: Path) -> None:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        self._add(
            Code.YAML_FEATURE,
            f"the tag {tag} is not used here",
            node,
            path,
            hint="remove the tag, quote what is text",
        )

    def _add(
        self, code: Code, summary: str, node: Node, path: Path, detail: str = "", hint: str = ""
    ) -> None:
        subject = Subject(path, self._source.position(node))
        self.diagnostics.append(Diagnostic(code, summary, subject, detail, hint))

    def _refused(self, node: Node, path: Path, summary: str) -> SourceError:
        subject = Subject(path[:8], self._source.position(node))
        return SourceError(
            Diagnostic(
                Code.TOO_DEEP,
                summary,
                subject,
                "Aliases count as often as they are used.",
                "write less, or remove the alias that repeats itself",
            )
        )
