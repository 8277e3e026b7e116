from galaxy.protocol import master_pb2 as _master_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DryRunRequest(_message.Message):
    __slots__ = ("groups",)
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[_master_pb2.PendingGroup]
    def __init__(self, groups: _Optional[_Iterable[_Union[_master_pb2.PendingGroup, _Mapping]]] = ...) -> None: ...

class DryRunResponse(_message.Message):
    __slots__ = ("placements", "unplaced", "agents")
    PLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    UNPLACED_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    placements: _containers.RepeatedCompositeFieldContainer[_master_pb2.Placement]
    unplaced: _containers.RepeatedCompositeFieldContainer[_master_pb2.Unplaced]
    agents: int
    def __init__(self, placements: _Optional[_Iterable[_Union[_master_pb2.Placement, _Mapping]]] = ..., unplaced: _Optional[_Iterable[_Union[_master_pb2.Unplaced, _Mapping]]] = ..., agents: _Optional[int] = ...) -> None: ...
