"""Signing keys in MongoDB, the private halves sealed."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from pymongo.errors import DuplicateKeyError

from auth.domain.tokens.signing import SigningKey
from common.security.resealing import Resealed, reseal_field
from common.security.sealing import CannotOpen, Sealer
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store


@mongo_store
class MongoSigningKeys:
    """The collection `signing_keys`, unique by number, so that two processes make one first key."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._keys = database["signing_keys"]
        self._sealer = sealer

    async def all(self) -> Sequence[SigningKey]:
        """Return the keys by rising number. Raises `CannotOpen` under another secret key."""
        found = await self._keys.find().to_list()
        return sorted(map(self._key, found), key=lambda key: key.number)

    async def add(self, key: SigningKey) -> bool:
        plain = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        document = {
            "_id": key.id,
            "number": key.number,
            "private": self._sealer.seal(plain, key.id),
            "created_at": key.created_at,
        }
        try:
            await self._keys.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    async def remove(self, key_id: str) -> None:
        await self._keys.delete_one({"_id": key_id})

    async def reseal(self) -> Resealed:
        """Seal under the current secret key what an older one sealed."""
        return await reseal_field("signing keys", self._keys, "private", self._sealer)

    def _key(self, document: Document) -> SigningKey:
        private = load_der_private_key(
            self._sealer.open(document["private"], document["_id"]), password=None
        )
        if not isinstance(private, EllipticCurvePrivateKey):
            raise CannotOpen(f"{document['_id']} is not an elliptic-curve key")
        return SigningKey(document["_id"], document["number"], private, document["created_at"])
