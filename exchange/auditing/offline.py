#!/usr/bin/env python3
"""数桥操作日志离线核验：verifies an exported range of the audit log with Python's standard library alone.

    python3 verify_audit.py 导出的文件夹 [--public-key 公钥十六进制] [--hmac-key 密钥文件] [--require-anchor]

Every export carries a copy of this file. It needs neither the hub nor a database nor the network: it recomputes each
record's SM3, the chain of records and of batches, and checks the signed anchor that covers them. Exit status: 0 whole,
1 something was changed, 2 the folder cannot be read.
"""

import argparse
import hashlib
import hmac
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
Point = tuple[int, int, int, int]
GENESIS = "0" * 64
_MASK = 0xFFFFFFFF
_IV = (0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E)

# --- SM3 (GB/T 32905-2016) ---------------------------------------------------------------------------------------


def _turn(word: int, by: int) -> int:
    by %= 32
    return ((word << by) | (word >> (32 - by))) & _MASK


def _expanded(block: bytes) -> list[int]:
    words = [int.from_bytes(block[at : at + 4], "big") for at in range(0, 64, 4)]
    for n in range(16, 68):
        mixed = words[n - 16] ^ words[n - 9] ^ _turn(words[n - 3], 15)
        words.append(mixed ^ _turn(mixed, 15) ^ _turn(mixed, 23) ^ _turn(words[n - 13], 7) ^ words[n - 6])
    return words


def _compressed(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    words = _expanded(block)
    a, b, c, d, e, f, g, h = state
    for n in range(64):
        first = _turn((_turn(a, 12) + e + _turn(0x79CC4519 if n < 16 else 0x7A879D8A, n)) & _MASK, 7)
        ff = a ^ b ^ c if n < 16 else (a & b) | (a & c) | (b & c)
        gg = e ^ f ^ g if n < 16 else (e & f) | (~e & g)
        one = (ff + d + (first ^ _turn(a, 12)) + (words[n] ^ words[n + 4])) & _MASK
        two = (gg + h + first + words[n]) & _MASK
        d, c, b, a = c, _turn(b, 9), a, one
        h, g, f, e = g, _turn(f, 19), e, two ^ _turn(two, 9) ^ _turn(two, 17)
    return tuple(old ^ new for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True))


def sm3_plain(data: bytes) -> bytes:
    """Returns the SM3 digest, computed here: where OpenSSL has no SM3."""
    padded = data + b"\x80" + b"\0" * ((55 - len(data)) % 64) + (8 * len(data)).to_bytes(8, "big")
    state: tuple[int, ...] = _IV
    for at in range(0, len(padded), 64):
        state = _compressed(state, padded[at : at + 64])
    return b"".join(word.to_bytes(4, "big") for word in state)


def _sm3_fast(data: bytes) -> bytes:
    return hashlib.new("sm3", data).digest()


def _chosen_sm3() -> Callable[[bytes], bytes]:
    try:
        hashlib.new("sm3")
    except ValueError:
        return sm3_plain
    return _sm3_fast


sm3 = _chosen_sm3()


def hmac_sm3(key: bytes, message: bytes) -> bytes:
    """Returns HMAC-SM3."""
    block = (sm3(key) if len(key) > 64 else key).ljust(64, b"\0")
    inner = sm3(bytes(byte ^ 0x36 for byte in block) + message)
    return sm3(bytes(byte ^ 0x5C for byte in block) + inner)


# --- Ed25519 (RFC 8032), verifying only --------------------------------------------------------------------------

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)


def _sum(one: Point, two: Point) -> Point:
    a, b = (one[1] - one[0]) * (two[1] - two[0]), (one[1] + one[0]) * (two[1] + two[0])
    c, d = 2 * one[3] * two[3] * _D, 2 * one[2] * two[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number: int, point: Point) -> Point:
    out: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            out = _sum(out, point)
        point, number = _sum(point, point), number >> 1
    return out


def _opened(packed: bytes) -> Point | None:
    number = int.from_bytes(packed, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _base() -> Point:
    found = _opened((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    if found is None:  # a constant of the standard
        raise ArithmeticError
    return found


def ed25519_fits(public: bytes, message: bytes, signature: bytes) -> bool:
    """Says whether a signature is that of the key's holder over the message."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = _opened(public), _opened(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= _ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _ORDER
    left, right = _times(scalar, _base()), _sum(commitment, _times(challenge, key))
    return not ((left[0] * right[2] - right[0] * left[2]) % _P or (left[1] * right[2] - right[1] * left[2]) % _P)


# --- the log -----------------------------------------------------------------------------------------------------


def canonical(facts: Facts) -> bytes:
    """Returns canonical JSON: UTF-8, sorted keys, no spaces, non-ASCII kept."""
    return json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def link(facts: Facts, previous: str) -> str:
    """Returns the hash of a record: SM3 over the previous record's hash and the canonical JSON."""
    return sm3(previous.encode() + canonical(facts)).hex()


def records(path: Path) -> Iterator[Facts | None]:
    """Reads the records, a line each; None for a line that cannot be read."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                read = json.loads(line)
                int(read["number"]), str(read["prev_sm3"]), str(read["record_sm3"]), read["facts"]
                yield read
            except (ValueError, KeyError, TypeError):
                yield None


def check_records(path: Path, manifest: Facts) -> tuple[list[str], dict[int, str]]:
    """Walks the records; returns what is wrong and the hash of each batch's last record."""
    faults: list[str] = []
    ends = {int(each["last_number"]) for each in manifest["batches"]}
    heads: dict[int, str] = {}
    number, previous, seen = int(manifest["first_number"]) - 1, str(manifest["prev_sm3"]), set[int]()
    for place, each in enumerate(records(path), 1):
        if each is None:
            faults.append(f"第 {place} 行不能读取")
            continue
        found = int(each["number"])
        faults += _order_faults(found, number, seen)
        seen.add(found)
        if found == number + 1 and each["prev_sm3"] != previous:
            faults.append(f"链接 {found} 不接在前一条之后")
        facts = each["facts"]
        if facts is None:
            faults.append(f"链接 {found} 的记录已不在日志中")
        elif link(facts, each["prev_sm3"]) != each["record_sm3"]:
            faults.append(f"记录 {facts.get('seq')}（链接 {found}）的内容与其散列不符")
        if found in ends:
            heads[found] = each["record_sm3"]
        number, previous = max(number, found), each["record_sm3"]
    missing = [n for n in range(int(manifest["first_number"]), int(manifest["last_number"]) + 1) if n not in seen]
    faults += [f"链接 {n} 缺失" for n in missing[:50]]
    if len(missing) > 50:
        faults.append(f"另有 {len(missing) - 50} 条链接缺失")
    if number > int(manifest["last_number"]):
        faults.append(f"链接 {int(manifest['last_number']) + 1} 起超出导出的范围")
    return faults, heads


def _order_faults(found: int, number: int, seen: set[int]) -> list[str]:
    if found in seen:
        return [f"链接 {found} 重复"]
    return [f"链接 {found} 的次序不对"] if found < number + 1 else []


def check_batches(manifest: Facts, heads: dict[int, str]) -> list[str]:
    """Checks the chain of batches and that each ends where its records end."""
    faults, previous, last = [], None, int(manifest["first_number"]) - 1
    for each in manifest["batches"]:
        facts = {name: value for name, value in each.items() if name not in {"prev_sm3", "batch_sm3"}}
        broken = previous is not None and each["prev_sm3"] != previous
        if broken or each["first_number"] != last + 1 or link(facts, each["prev_sm3"]) != each["batch_sm3"]:
            faults.append(f"封存批次 {each['number']} 的内容或次序与其散列不符")
        inside = each["last_number"] <= manifest["last_number"]
        if inside and heads.get(each["last_number"]) != each["head_sm3"]:
            faults.append(f"封存批次 {each['number']} 的末条记录与封存时不符")
        previous, last = each["batch_sm3"], each["last_number"]
    return faults


def check_anchors(manifest: Facts, public: str, secret: bytes | None) -> tuple[list[str], list[str], bool]:
    """Checks the anchors; returns faults, remarks, and whether one with a right signature covers the whole range."""
    faults, remarks, covered = [], [], False
    batches = {each["number"]: each for each in manifest["batches"]}
    for line in manifest["anchors"]:
        facts = json.loads(line)
        signature = bytes.fromhex(facts.pop("signature"))
        fits = _signature_fits(facts, signature, public, secret)
        name = f"{facts['day']} 的锚点 {facts['number']}"
        if fits is None:
            remarks.append(f"{name} 用 {facts['algorithm']} 签署，须用 --hmac-key 给出密钥才能核验")
        elif not fits:
            faults.append(f"{name} 的签名不符")
        batch = batches.get(facts["batch"])
        if batch is None:
            continue
        if (batch["batch_sm3"], batch["head_sm3"]) != (facts["batch_sm3"], facts["head_sm3"]):
            faults.append(f"封存批次 {batch['number']} 与 {name} 不符：其前的记录在签署后被重新计算")
        elif fits and batch["last_number"] >= manifest["last_number"]:
            covered = True
    return faults, remarks, covered


def _signature_fits(facts: Facts, signature: bytes, public: str, secret: bytes | None) -> bool | None:
    if facts["algorithm"] == "ed25519":
        return bool(public) and ed25519_fits(bytes.fromhex(public), canonical(facts), signature)
    return None if secret is None else hmac.compare_digest(hmac_sm3(secret, canonical(facts)), signature)


def check(folder: Path, public: str = "", secret: bytes | None = None) -> tuple[list[str], list[str], bool]:
    """Verifies an exported folder: faults, remarks, and whether a signed anchor covers all of it.

    Without a public key from elsewhere, the folder's own is used: then compare its fingerprint with the one that the
    security administrator has published.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    faults, heads = check_records(folder / "records.jsonl", manifest)
    faults += check_batches(manifest, heads)
    own = str(manifest.get("public") or "")
    wrong, remarks, covered = check_anchors(manifest, public or own, secret)
    if own and not public:
        remarks.append(
            f"签名用文件夹自带的公钥核验，请与安全管理员公布的指纹核对：{sm3(bytes.fromhex(own)).hex()[:16]}"
        )
    if not covered:
        remarks.append("没有已核验的锚点覆盖全部记录：不能排除整条链被重新计算或末尾被截去")
    return faults + wrong, remarks, covered


def _secret(path: Path | None) -> bytes | None:
    if path is None:
        return None
    return bytes.fromhex(json.loads(path.read_text(encoding="utf-8"))["secret"])


def main(arguments: Sequence[str]) -> int:
    """Verifies the folder of the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="数桥操作日志离线核验")
    parser.add_argument("folder", type=Path, help="导出或归档的文件夹")
    parser.add_argument("--public-key", default="", help="安全管理员公布的公钥（十六进制）")
    parser.add_argument("--hmac-key", type=Path, help="HMAC-SM3 的密钥文件（由安全管理员保管）")
    parser.add_argument("--require-anchor", action="store_true", help="没有锚点覆盖全部记录也算不通过")
    given = parser.parse_args(arguments)
    try:
        faults, remarks, covered = check(given.folder, given.public_key, _secret(given.hmac_key))
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"不能读取 {given.folder}（{type(error).__name__}）；应为导出的文件夹，内有 manifest.json\n")
        return 2
    for line in faults:
        sys.stdout.write(f"不符：{line}\n")
    for line in remarks:
        sys.stdout.write(f"注意：{line}\n")
    failed = bool(faults) or (given.require_anchor and not covered)
    sys.stdout.write("核验不通过\n" if failed else "核验通过\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
