"""How a Python function becomes a tool: its types are the parameters, its docstring describes them."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError

from common.contracts.tools import ToolDeclaration
from kasal_tools import CallContext, ToolOptions, options_of

_DESCRIPTION = 2_000
_SCHEMA = 100_000
"""The most characters of a tool's parameters as JSON."""
_TIMEOUT = 600.0
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class UnusableTool(Exception):  # noqa: N818 - the operator reads it
    """A function cannot be a tool. The message says what to change."""


@dataclass(frozen=True, slots=True)
class PythonTool:
    """An operator's function as a tool. `call_parameter` is the one that takes the `CallContext`."""

    declaration: ToolDeclaration
    function: Callable[..., Any]
    options: ToolOptions
    call_parameter: str | None
    _arguments: type[BaseModel]

    def values(self, arguments: Mapping[str, Any], call: CallContext) -> dict[str, Any]:
        """Return what to call the function with. Raises `ValueError` for arguments that do not fit."""
        try:
            read = self._arguments.model_validate(dict(arguments))
        except ValidationError as fault:
            raise ValueError(_reasons(fault)) from None
        values = {name: getattr(read, name) for name in read.model_fields_set}
        return values if self.call_parameter is None else {**values, self.call_parameter: call}


def python_tool(name: str, function: object) -> PythonTool:
    """Return the tool that `function` is. Raises `UnusableTool`."""
    if not callable(function) or inspect.isclass(function):
        raise UnusableTool("it is not a function")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UnusableTool("it yields; return the whole result instead")
    options, described = _check(options_of(function)), inspect.getdoc(function)
    if not described:
        raise UnusableTool("it has no docstring; models choose a tool by its description")
    text, of_parameters = _read_docstring(described)
    fields, call_parameter = _fields(function, of_parameters)
    arguments = _model(name, fields)
    schema = _schema(arguments)
    safe = options.idempotent or options.reads
    said = ToolDeclaration(name, text[:_DESCRIPTION], options.category, schema, safe, options.reads)
    return PythonTool(said, function, options, call_parameter, arguments)


def _check(options: ToolOptions) -> ToolOptions:
    if not 0 < options.timeout <= _TIMEOUT:
        raise UnusableTool(f"its timeout must be over 0 and at most {_TIMEOUT:g} seconds")
    return options


def _read_docstring(text: str) -> tuple[str, Mapping[str, str]]:
    """Return a docstring's text and what it says of each parameter: Google, NumPy or Sphinx style."""
    import griffe

    best: tuple[str, Mapping[str, str]] = (text, {})
    for style in ("google", "numpy", "sphinx"):
        sections = griffe.Docstring(text).parse(style, warnings=False)
        prose = [part.value for part in sections if part.kind is griffe.DocstringSectionKind.text]
        told = {
            entry.name.lstrip("*"): entry.description
            for part in sections
            if part.kind is griffe.DocstringSectionKind.parameters
            for entry in part.value
        }
        if len(told) > len(best[1]):
            best = ("\n\n".join(prose).strip() or text, told)
    return best


def _fields(
    function: Callable[..., Any], described: Mapping[str, str]
) -> tuple[dict[str, Any], str | None]:
    try:
        hints = get_type_hints(function, include_extras=True)
        parameters = inspect.signature(function).parameters.values()
    except (NameError, TypeError, ValueError) as fault:
        raise UnusableTool(f"its signature cannot be read: {fault}") from None
    fields: dict[str, Any] = {}
    call_parameter = None
    for parameter in parameters:
        kind = hints.get(parameter.name)
        if parameter.kind not in _NAMED:
            raise UnusableTool(f"its parameter {parameter.name} has no name that a model could use")
        if kind is None:
            raise UnusableTool(f"its parameter {parameter.name} has no type")
        if kind is CallContext:
            call_parameter = parameter.name
            continue
        fields[parameter.name] = (kind, _field(parameter, described.get(parameter.name)))
    return fields, call_parameter


def _field(parameter: inspect.Parameter, description: str | None) -> Any:
    told = {} if description is None else {"description": description}
    if parameter.default is inspect.Parameter.empty:
        return Field(**told)  # type: ignore[call-overload]
    return Field(default=parameter.default, **told)  # type: ignore[call-overload]


def _model(name: str, fields: dict[str, Any]) -> type[BaseModel]:
    strict = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    try:
        return create_model(name, __config__=strict, **fields)
    except (PydanticUserError, TypeError, NameError, ValueError) as fault:
        raise UnusableTool(f"its types cannot be described: {_first_line(fault)}") from None


def _schema(arguments: type[BaseModel]) -> dict[str, Any]:
    import orjson

    try:
        schema = arguments.model_json_schema()
    except PydanticUserError as fault:
        raise UnusableTool(f"its types cannot be described: {_first_line(fault)}") from None
    for title in (schema, *schema.get("properties", {}).values()):
        title.pop("title", None)
    if len(orjson.dumps(schema)) > _SCHEMA:
        raise UnusableTool(f"its parameters are longer than {_SCHEMA} characters as JSON Schema")
    return {"properties": {}, **schema}


def _reasons(fault: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
        for error in fault.errors(include_url=False, include_context=False)[:5]
    )


def _first_line(fault: Exception) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0][:300]
