"""The image's repository in an OCI registry: push, pull, tags that never move and tags that do."""

import http.client
import json
import shutil
from pathlib import Path

from leapline.errors import RegistryError, TagConflictError
from leapline.serving import layout as layouts
from leapline.serving.crane import AbsentError, Crane
from leapline.serving.image import blob_path

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Registry:
    """One repository.

    Args:
        image: `host[:port]/repository`, without a tag. Plain HTTP is spoken to loopback only.
        crane: the compiled `crane`.
        budget_s: seconds that one operation may take, its retries included.
    """

    def __init__(self, image: str, crane: Path, *, budget_s: float = 120.0) -> None:
        self.image = image
        self.host = image.split("/", 1)[0]
        self._crane = Crane(crane, self.host, budget_s)

    def ref(self, tag_or_digest: str) -> str:
        """The full reference: `image:tag` or `image@sha256:...`."""
        return f"{self.image}{'@' if tag_or_digest.startswith('sha256:') else ':'}{tag_or_digest}"

    def ping(self) -> None:
        """Return if a registry answers there.

        Raises:
            RegistryError: nothing answers, with how to start the local one.
        """
        name = self.host.rsplit(":", 1)[0] if not self.host.endswith("]") else self.host
        kind = http.client.HTTPConnection if name in LOOPBACK else http.client.HTTPSConnection
        connection = kind(self.host, timeout=5)
        try:
            connection.request("GET", "/v2/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException) as exc:
            raise RegistryError(
                f"registry {self.host}",
                found=f"no answer ({exc})",
                expected="an OCI registry",
                fix="Start the local one with `leapline registry start`, or set LEAPLINE_REGISTRY to another.",
            ) from exc
        finally:
            connection.close()

    def digest(self, tag: str) -> str | None:
        """What a tag names; None if the registry says that there is no such tag.

        Raises:
            RegistryError: no clear answer; never taken for "no such tag".
        """
        try:
            return self._crane.run("digest", self.ref(tag)).strip()
        except AbsentError:
            return None

    def tags(self) -> list[str]:
        """All tags, sorted; none if the repository does not exist yet."""
        try:
            return sorted(self._crane.run("ls", self.image).split())
        except AbsentError:
            return []

    def annotations(self, tag_or_digest: str) -> dict[str, str]:
        """The `org.opencontainers.image.*` annotations of an image's index.

        Raises:
            RegistryError: not there, or no answer.
        """
        return dict(json.loads(self._crane.run("manifest", self.ref(tag_or_digest))).get("annotations") or {})

    def push(self, layout: Path, tag: str) -> bool:
        """Push an image under a tag that never moves; True if something was sent, False if it was there already.

        Raises:
            TagConflictError: the tag names another image; nothing was overwritten.
            RegistryError: not pushed; whatever the tag named before, it still names.
        """
        wanted, there = layouts.index_digest(layout), self.digest(tag)
        if there == wanted:
            return False
        if there is not None:
            raise TagConflictError(
                f"tag {self.ref(tag)}",
                found=there,
                expected=f"{wanted}, or no such tag",
                fix="A model id names one image for ever: build again with the code that made it, or take another tag.",
            )
        self._crane.run("push", "--index", str(layout), self.ref(tag))
        self._must_name(tag, wanted)
        return True

    def tag(self, tag_or_digest: str, new_tag: str) -> None:
        """Make `new_tag` name an image that is in the repository already; one request, so old or new, nothing between.

        Raises:
            RegistryError: not moved.
        """
        self._crane.run("tag", self.ref(tag_or_digest), new_tag)

    def pull(self, tag_or_digest: str, into: Path) -> Path:
        """Pull an image as a layout like the one that `image.build` wrote; returns `into` (replaced if it is there).

        Raises:
            RegistryError: not there, or no answer.
            BundleError: what came is not what the digests say.
        """
        raw = into.with_name(f".{into.name}.pull")
        shutil.rmtree(raw, ignore_errors=True)
        shutil.rmtree(into, ignore_errors=True)
        into.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._crane.run("pull", "--format=oci", self.ref(tag_or_digest), str(raw))
            _hoist_index(raw)
            layouts.blobs(raw)
            raw.rename(into)
        finally:
            shutil.rmtree(raw, ignore_errors=True)
        return into

    def verify(self, layout: Path, tag_or_digest: str, workdir: Path) -> None:
        """Pull an image back and compare it with the layout that was pushed, blob by blob.

        Raises:
            RegistryError: the registry gives something else.
            BundleError: what came is not what the digests say.
        """
        pulled, pushed = layouts.blobs(self.pull(tag_or_digest, workdir / "pulled")), layouts.blobs(layout)
        if pulled != pushed:
            raise RegistryError(
                self.ref(tag_or_digest),
                found=f"blobs that were not pushed: {sorted(pulled ^ pushed)}",
                expected=f"the image {layouts.index_digest(layout)}, bit by bit",
                fix="Do not promote it; look for another writer, or a proxy that rewrites images.",
            )

    def _must_name(self, tag: str, wanted: str) -> None:
        there = self.digest(tag)
        if there != wanted:
            raise RegistryError(
                f"tag {self.ref(tag)}",
                found=str(there),
                expected=wanted,
                fix="Another writer was at work: publish again.",
            )


def _hoist_index(raw: Path) -> None:
    """`crane pull` wraps the index in an index of one; put the image's own in its place."""
    entries = layouts.index(raw)["manifests"]
    if len(entries) == 1 and entries[0]["mediaType"].endswith(("image.index.v1+json", "manifest.list.v2+json")):
        content = layouts.read_blob(raw, entries[0]["digest"])
        (raw / "index.json").write_bytes(content)
        blob_path(raw, entries[0]["digest"]).unlink()
