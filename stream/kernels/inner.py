"""Functions that only other kernels call are no machine code of their own: their callers' contains theirs.

numba turns each function that a kernel calls into machine code, and adds a way in from Python. Yet a caller is linked
with the code before that; most functions here are never called from Python. So that is left out until somebody asks:

1. what is compiled while another function is being compiled gets no way in from Python
2. code becomes machine code when its address is asked for
3. a function that is called from Python after all gets its way in then
4. the store keeps both, under two keys

It is optimized as ever before callers take it: to leave that to them saves as much again, and a fold takes 1.07 times.

The methods are numba's own, hence its exact version in pyproject.toml.
"""

import sys
from copy import copy
from typing import Any

INNER = "inner"  # in the key of such a function in the store, and the kind of its code
ENVIRONMENT = "_ZN08NumbaEnv"  # how numba's names of a function's constants begin


class _Now:
    """What is being compiled; changed while numba's lock is held."""

    depth = 0  # of compilations inside each other
    found: Any = None  # of a function that gets a way in: what was compiled without


_now = _Now()


class WayIn:
    """Stands for what Python would call, where numba wants to know a function by it."""


def adapt() -> None:
    """Replace methods of numba, which has been imported."""
    core = {name: sys.modules[f"numba.core.{name}"] for name in ("caching", "codegen", "compiler", "cpu", "dispatcher")}
    _compile(core["compiler"])
    _call(core["cpu"].CPUContext, core["compiler"].lookup_environment)
    _hand_out(core["dispatcher"])
    _keep(core["caching"].Cache)
    _finish_late(core["codegen"].JITCodeLibrary)
    _set_what_is_there(core["codegen"].JITCPUCodegen)


def is_inner(library: Any) -> bool:
    """Whether this is the code of a function without a way in."""
    return "headwaters_inner" in library.__dict__


def _compile(compiling: Any) -> None:
    numbas = compiling.compile_extra

    def compile_extra(*args: Any, flags: Any, **named: Any) -> Any:
        if not _now.depth and _now.found is not None:
            return _opened(_now.found)  # 3
        if _now.depth:
            flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True  # 1
        _now.depth += 1
        try:
            return numbas(*args, flags=flags, **named)
        finally:
            _now.depth -= 1

    compiling.compile_extra = compile_extra


def _opened(result: Any) -> Any:
    """The same function with a way in."""
    context, described, constants = result.target_context, copy(result.fndesc), result.environment
    library = context.codegen().create_library(result.library.name)
    library.enable_object_caching()
    # Constants of its own: numba takes those that it has loaded under a name, whatever has been added to them since.
    environment = type(constants)(constants.globals)
    environment.env_name = described.env_name = f"{constants.env_name}.way_in"
    context.create_cpython_wrapper(library, described, environment, None)
    kinds = sys.modules["numba.core.types"]
    nameless, wrapped = (kinds.Omitted, kinds.Generator), (kinds.Optional, kinds.Generator)
    if not isinstance(described.restype, wrapped) and not any(
        isinstance(each, nameless) for each in described.argtypes
    ):
        context.create_cfunc_wrapper(library, described, environment, None)  # where numba makes one
    library.add_linking_library(result.library)
    entry = context.get_executable(library, described, environment)
    context.insert_user_function(entry, described, [library])
    return result._replace(library=library, environment=environment, entry_point=entry, fndesc=described, metadata=None)


def _call(context: Any, lookup: Any) -> None:
    numbas = context.get_executable

    def get_executable(self: Any, library: Any, description: Any, environment: Any) -> Any:
        if is_inner(library) or (_now.depth > 1 and not library._finalized):
            library.headwaters_inner = True
            return WayIn()
        made = numbas(self, library, description, environment)
        names = [each.name for each in library._final_module.global_variables if not each.is_declaration]
        found = [lookup(name) for name in names if name.startswith(ENVIRONMENT)]
        library.headwaters_environments = found = [each for each in found if each is not None]  # kept alive
        for each in found:  # of the functions inside, which nobody else sets
            library.codegen.set_env(each.env_name, each)
        return made

    context.get_executable = get_executable


def _hand_out(dispatching: Any) -> None:
    dispatcher, normalized = dispatching.Dispatcher, dispatching.sigutils.normalize_signature
    numbas_compile, numbas_add = dispatcher.compile, dispatcher.add_overload
    numbas_result = dispatcher.get_compile_result

    def compile_one(self: Any, signature: Any) -> Any:
        with dispatching.global_compiler_lock:
            if _now.depth:
                return numbas_compile(self, signature)
            args = tuple(normalized(signature)[0])
            if args in self.overloads and is_inner(self.overloads[args].library):
                _now.found = self.overloads.pop(args)
            try:
                return numbas_compile(self, signature)
            finally:
                _now.found = None

    def add_overload(self: Any, result: Any) -> None:
        if isinstance(result.entry_point, WayIn):
            self.overloads[tuple(result.signature.args)] = result
        else:
            numbas_add(self, result)

    def get_compile_result(self: Any, signature: Any) -> Any:
        """Of a function that is passed to another as a value: it is called by its address."""
        with dispatching.global_compiler_lock:
            before, _now.depth = _now.depth, 0
            try:
                self.compile(signature)
                return numbas_result(self, signature)
            finally:
                _now.depth = before

    dispatcher.compile, dispatcher.add_overload = compile_one, add_overload
    dispatcher.get_compile_result = get_compile_result


def _keep(cache: Any) -> None:
    numbas = cache._index_key

    def index_key(self: Any, signature: Any, codegen: Any) -> Any:
        key = numbas(self, signature, codegen)
        return (*key, INNER) if _now.depth else key  # 4

    cache._index_key = index_key


def _finish_late(library: Any) -> None:
    numbas_finish, numbas_pointer = library._finalize_final_module, library.get_pointer_to_function
    numbas_write, numbas_read = library.serialize_using_object_code, library._unserialize.__func__

    def finish(self: Any) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = self.headwaters_unfinished = True

    def pointer(self: Any, name: str) -> Any:
        self._ensure_finalized()
        if self.__dict__.pop("headwaters_unfinished", False):  # 2
            numbas_finish(self)
        return numbas_pointer(self, name)

    def write(self: Any) -> Any:
        if not is_inner(self):
            return numbas_write(self)
        return self.name, INNER, self._get_module_for_linking().as_bitcode()

    def read(kind: Any, codegen: Any, state: Any) -> Any:
        if state[1] != INNER:
            return numbas_read(kind, codegen, state)
        self = codegen.create_library(state[0])
        self._shared_module = sys.modules["llvmlite.binding"].parse_bitcode(state[2])
        self._finalized = self.headwaters_inner = True
        return self

    library._finalize_final_module = finish
    library.get_pointer_to_function, library.serialize_using_object_code = pointer, write
    library._unserialize = classmethod(read)


def _set_what_is_there(codegen: Any) -> None:
    numbas = codegen.set_env

    def set_env(self: Any, name: str, environment: Any) -> None:
        if self._engine.get_global_value_address(name):  # else it is of a function whose code is nowhere yet
            numbas(self, name, environment)

    codegen.set_env = set_env
