"""What is replaced in numba is still what it was when it was replaced; that it works: test_place.py."""

import inspect

from numba.core import caching


def test_numba_asks_a_place_whether_it_can_be_written_by_this_method() -> None:
    assert "ensure_cache_path" in vars(caching._CacheLocator)
    assert "locator.ensure_cache_path()" in inspect.getsource(caching.Cache)
    assert issubclass(caching.InTreeCacheLocator, caching._CacheLocator)


def test_numba_keeps_compiled_code_by_this_method() -> None:
    assert list(inspect.signature(caching.IndexDataCacheFile.save).parameters)[:1] != []
    assert "_cache_file.save" in inspect.getsource(caching.Cache._save_overload)
