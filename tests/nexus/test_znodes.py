"""How keys and values stand in nodes: what goes in comes out, and fits in a request."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.nexus.interfaces import Leader
from galaxy.nexus.znodes import (
    CHANGES_BYTES,
    PART_BYTES,
    REQUEST_BYTES,
    Blob,
    Damaged,
    Layout,
    blob_head,
    blob_of,
    changes_data,
    key_of,
    leader_data,
    parse_changes,
    parse_epoch,
    parse_head,
    parse_leader,
    plain_head,
    restored,
    too_large,
)

_parts = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/"), min_size=1
)
_keys = st.lists(_parts, min_size=1, max_size=4).map("/".join)


class LayoutTests(SynchronousTestCase):
    """Where keys stand."""

    @settings(deadline=None)
    @given(_keys)
    def test_a_key_is_known_again_by_its_node(self, key: str) -> None:
        """Safety; and no key is a path that ZooKeeper refuses."""
        shard, name = Layout("/root").node(key).split("/")[3:]
        self.assertEqual(key_of(shard, name), key)
        self.assertFalse({shard, name} & {".", "..", ""})

    def test_the_ground_begins_with_the_parents_of_the_root(self) -> None:
        self.assertEqual(Layout("/a/b").ground()[:3], ["/a", "/a/b", "/a/b/epoch"])
        self.assertEqual(Layout("").ground()[0], "/epoch")

    def test_a_node_as_an_operator_sees_it(self) -> None:
        layout = Layout("/galaxy")
        self.assertEqual(layout.node("jobs/web_1"), "/galaxy/data/jobs/=web_1")
        self.assertEqual(layout.node("safemode"), "/galaxy/data/safemode/=")


class HeadTests(SynchronousTestCase):
    """How values stand."""

    @settings(deadline=None)
    @given(st.one_of(st.binary(), st.binary(min_size=1, max_size=3).map(lambda b: b * 1000)))
    def test_a_value_comes_out_as_it_went_in(self, value: bytes) -> None:
        head = plain_head(value)
        self.assertEqual(parse_head(head), value)
        self.assertLessEqual(len(head), len(value) + 1)

    @settings(deadline=None, max_examples=20)
    @given(st.integers(1, 3 * PART_BYTES), st.booleans())
    def test_a_blob_comes_out_as_it_went_in(self, size: int, even: bool) -> None:
        value = b"x" * size if even else bytes(n * n % 251 for n in range(997)) * (size // 997 + 1)
        blob, parts = blob_of(plain_head(value), "id")
        self.assertEqual(parse_head(blob_head(blob)), blob)
        self.assertEqual(len(parts), len(blob.names()))
        self.assertTrue(all(len(part) <= PART_BYTES for part in parts))
        self.assertEqual(restored(b"".join(parts), compressed=blob.compressed), value)

    @settings(deadline=None)
    @given(st.lists(st.integers(0, REQUEST_BYTES), max_size=30))
    def test_what_stays_after_the_largest_went_fits_in_a_request(self, sizes: list[int]) -> None:
        heads = [bytes(size) for size in sizes]
        chosen = set(too_large(["/a/node"] * len(heads), heads))
        stays = [len(head) for n, head in enumerate(heads) if n not in chosen]
        self.assertLessEqual(sum(stays) + CHANGES_BYTES, REQUEST_BYTES)
        self.assertTrue(all(size <= PART_BYTES for size in stays))

    def test_small_values_need_no_blob(self) -> None:
        self.assertEqual(too_large(["/a"] * 100, [b"x" * 500] * 100), [])

    def test_what_galaxy_did_not_write_is_damaged(self) -> None:
        for data in (b"", b"hello", b"z\x00\x01", b"Pid", b"Pid x"):
            self.assertRaises(Damaged, parse_head, data)
        for data in (b"", b"{}", b"[]", b'{"endpoint": "a:1"}', b"\xff"):
            self.assertRaises(Damaged, parse_leader, data)
        self.assertRaises(Damaged, parse_epoch, b"many", 0)

    def test_a_blob_names_its_parts(self) -> None:
        self.assertEqual(Blob("id", 2, compressed=True).names(), ["id.0", "id.1"])


class RecordTests(SynchronousTestCase):
    """The nodes that there is one of."""

    def test_the_leader(self) -> None:
        leader = Leader("[::1]:7828", 12)
        self.assertEqual(parse_leader(leader_data(leader, "c-1")), (leader, "c-1"))

    def test_an_epoch_counts_from_a_base(self) -> None:
        self.assertEqual(parse_epoch(b"0", 3), 3)
        self.assertEqual(parse_epoch(b"57", 3), 60)

    def test_the_keys_of_a_commit_or_that_they_are_many(self) -> None:
        self.assertEqual(parse_changes(changes_data(["a", "b/c"])), ["a", "b/c"])
        self.assertEqual(parse_changes(changes_data(["k" * 200] * 1000)), [])
