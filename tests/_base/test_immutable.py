"""The records that the package keeps to itself."""

import copy
import pickle

import msgspec
import pytest
from rich.pretty import pretty_repr

from connecty_frames._base.immutable import Immutable
from connecty_frames.http.models import Request

REQUEST = Request("POST", "/v1/auth/token", b"secret")


def test_hidden_fields_are_not_shown() -> None:
    """Neither by repr nor by rich, which shows the locals of a traceback."""
    shown = "method='POST', path='/v1/auth/token', has_results=False, question_id=None"
    assert repr(REQUEST) == f"Request({shown})"
    assert pretty_repr(REQUEST, max_width=100) == repr(REQUEST)


def test_a_record_is_its_values() -> None:
    """It cannot be changed, only replaced, and survives a copy and a pickle."""
    with pytest.raises(AttributeError, match="immutable"):
        REQUEST.path = "/"  # type: ignore[misc]
    other = msgspec.structs.replace(REQUEST, path="/")
    assert (other.method, other.path, other.body) == ("POST", "/", b"secret")
    assert other != REQUEST
    for same in (copy.copy(REQUEST), pickle.loads(pickle.dumps(REQUEST))):
        assert same == REQUEST
        assert hash(same) == hash(REQUEST)


def test_every_record_is_immutable() -> None:
    """Subclasses inherit it."""
    import connecty_frames.client
    import connecty_frames.decode.decoder  # noqa: F401

    classes = set(Immutable.__subclasses__())
    assert len(classes) > 10
    assert all(class_.__struct_config__.frozen for class_ in classes)
