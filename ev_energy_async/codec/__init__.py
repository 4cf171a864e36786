"""Bytes to models and back.

The client decodes every response with a `Codec`; users register hooks on its converter. No I/O.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.codec.asdict import AsDict as AsDict
    from ev_energy_async.codec.asdict import as_json as as_json
    from ev_energy_async.codec.asdict import json_value as json_value
    from ev_energy_async.codec.asdict import public_fields as public_fields
    from ev_energy_async.codec.codec import Codec as Codec
    from ev_energy_async.codec.codec import decode as decode
    from ev_energy_async.codec.codec import finish as finish
    from ev_energy_async.codec.codec import make_converter as make_converter
    from ev_energy_async.codec.codec import warm as warm
    from ev_energy_async.codec.dicts import from_dict as from_dict
    from ev_energy_async.codec.dicts import keyed as keyed
    from ev_energy_async.codec.dicts import pydantic_schema as pydantic_schema
    from ev_energy_async.codec.dicts import to_dict as to_dict
    from ev_energy_async.codec.drift import Drift as Drift
    from ev_energy_async.codec.encoding import encode as encode
    from ev_energy_async.codec.encoding import encode_without as encode_without
    from ev_energy_async.codec.encoding import lost_keys as lost_keys
    from ev_energy_async.codec.personal import personal_fields as personal_fields
    from ev_energy_async.codec.personal import redacted as redacted
    from ev_energy_async.codec.slices import AT_ONCE as AT_ONCE
    from ev_energy_async.codec.slices import picked as picked
    from ev_energy_async.codec.strict import decode_strict as decode_strict
    from ev_energy_async.codec.strict import decoder as decoder
    from ev_energy_async.codec.tolerant import Decoded as Decoded
    from ev_energy_async.codec.tolerant import TolerantConverter as TolerantConverter
    from ev_energy_async.codec.tolerant import has_hook as has_hook
    from ev_energy_async.codec.tolerant import structure as structure
    from ev_energy_async.codec.types import is_model as is_model
    from ev_energy_async.codec.types import members as members
    from ev_energy_async.codec.types import reachable as reachable
    from ev_energy_async.codec.types import shape as shape
    from ev_energy_async.codec.types import spoken as spoken
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        asdict=("AsDict", "as_json", "json_value", "public_fields"),
        codec=("Codec", "decode", "finish", "make_converter", "warm"),
        dicts=("from_dict", "keyed", "pydantic_schema", "to_dict"),
        drift=("Drift",),
        encoding=("encode", "encode_without", "lost_keys"),
        personal=("personal_fields", "redacted"),
        slices=("AT_ONCE", "picked"),
        strict=("decode_strict", "decoder"),
        tolerant=("Decoded", "TolerantConverter", "has_hook", "structure"),
        types=("is_model", "members", "reachable", "shape", "spoken"),
    )
