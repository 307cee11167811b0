"""The outbox: the rendered files of a batch on their way, sealed, until the receipt is there. Knows no sink.

`outbox/<subscription>/<batch number>/<file>.sealed` under the lake's root. What was rendered once is what every try
sends, so that size and SM3 of the signed manifest hold.
"""

from pathlib import Path

from exchange.crypto import sm3
from exchange.hub import Hub
from lake.places import fsync_folder, remove_folder, safe, storing, whole
from schemas.delivery import PartFile
from schemas.errors import NotFound


class Outbox:
    """The files of one subscription's batches."""

    def __init__(self, hub: Hub, subscription_id: str) -> None:
        self._frames = hub.crypto.frames()
        self._id = subscription_id
        self.root = hub.settings.lake_root / "outbox" / safe(subscription_id)

    def put(self, batch_no: str, name: str, content: bytes, rows: int) -> PartFile:
        """Seals one file durably; returns what the manifest says of it."""
        folder = self.root / safe(batch_no)
        with storing(name):
            folder.mkdir(parents=True, exist_ok=True)
            with whole(self._path(batch_no, name)) as half:
                half.write_bytes(self._frames.encrypt(content, self._bound(batch_no, name)))
        return PartFile(name, rows, len(content), sm3(content).hex())

    def finish(self, batch_no: str) -> None:
        """Makes the folder itself durable."""
        with storing(batch_no):
            (self.root / safe(batch_no)).mkdir(parents=True, exist_ok=True)
            fsync_folder(self.root)

    def read(self, batch_no: str, part: PartFile) -> bytes:
        """Opens one file; raises SealBroken when it was changed, NotFound when it is gone."""
        try:
            sealed = self._path(batch_no, part.name).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"批次 {batch_no} 的待送文件不在了", "", "请申请全量重送", code="OUTBOX_GONE") from None
        return self._frames.decrypt(sealed, self._bound(batch_no, part.name))

    def clear(self, keep: str | None = None) -> None:
        """Removes every batch but one: those withdrawn, acknowledged, or never recorded."""
        if not self.root.is_dir():
            return
        for folder in self.root.iterdir():
            if folder.name != keep:
                remove_folder(folder)

    def _path(self, batch_no: str, name: str) -> Path:
        return self.root / safe(batch_no) / f"{safe(name)}.sealed"

    def _bound(self, batch_no: str, name: str) -> bytes:
        return f"outbox:{self._id}:{batch_no}:{name}".encode()
