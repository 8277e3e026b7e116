from galaxy.protocol import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FrameKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kFrameUnset: _ClassVar[FrameKind]
    kHello: _ClassVar[FrameKind]
    kRequest: _ClassVar[FrameKind]
    kAnswer: _ClassVar[FrameKind]
    kItem: _ClassVar[FrameKind]
    kCredit: _ClassVar[FrameKind]
    kCancel: _ClassVar[FrameKind]
    kGoodbye: _ClassVar[FrameKind]
kFrameUnset: FrameKind
kHello: FrameKind
kRequest: FrameKind
kAnswer: FrameKind
kItem: FrameKind
kCredit: FrameKind
kCancel: FrameKind
kGoodbye: FrameKind

class Hello(_message.Message):
    __slots__ = ("protocol_version", "role", "name", "build", "features", "doubt", "least_version", "methods")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    DOUBT_FIELD_NUMBER: _ClassVar[int]
    LEAST_VERSION_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    role: str
    name: str
    build: str
    features: _containers.RepeatedScalarFieldContainer[str]
    doubt: str
    least_version: int
    methods: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, protocol_version: _Optional[int] = ..., role: _Optional[str] = ..., name: _Optional[str] = ..., build: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., doubt: _Optional[str] = ..., least_version: _Optional[int] = ..., methods: _Optional[_Iterable[str]] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("kind", "call_id", "method", "payload", "deadline_ms", "epoch", "status", "reason", "credit", "hello", "credentials")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    kind: FrameKind
    call_id: int
    method: str
    payload: bytes
    deadline_ms: int
    epoch: int
    status: _types_pb2.Status
    reason: str
    credit: int
    hello: Hello
    credentials: bytes
    def __init__(self, kind: _Optional[_Union[FrameKind, str]] = ..., call_id: _Optional[int] = ..., method: _Optional[str] = ..., payload: _Optional[bytes] = ..., deadline_ms: _Optional[int] = ..., epoch: _Optional[int] = ..., status: _Optional[_Union[_types_pb2.Status, str]] = ..., reason: _Optional[str] = ..., credit: _Optional[int] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., credentials: _Optional[bytes] = ...) -> None: ...
