"""RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017), for signing as sipgate does; the standard library has none."""

import base64
import hashlib
import re
import subprocess

# RFC 8017 §9.2, note 1: what stands before a SHA-256 hash.
PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


def generate(bits):
    """A private key as PEM. Three primes: signing in Python is more than twice as fast."""
    made = subprocess.run(
        [
            "openssl",
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            f"rsa_keygen_bits:{bits}",
            "-pkeyopt",
            "rsa_keygen_primes:3",
        ],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return made.stdout.decode()


class Key:
    """A private key from PEM: PKCS #8, or PKCS #1 as older tools write it."""

    def __init__(self, pem):
        version, *rest = elements(unarmoured(pem))
        if isinstance(rest[0], list):
            version, *rest = elements(rest[1])
        self.n, self.e, self.d, p, q, dp, dq, _, *others = rest
        self.primes = [(p, dp), (q, dq), *((prime, exponent) for prime, exponent, _ in (others[0] if others else []))]
        self.size = (self.n.bit_length() + 7) // 8

    def sign(self, message):
        text = encoded(message, self.size)
        # Garner's way from the remainders of the primes to that of their product.
        value, product = 0, 1
        for prime, exponent in self.primes:
            wanted = pow(text, exponent, prime)
            value += product * ((wanted - value) * pow(product, -1, prime) % prime)
            product *= prime
        return value.to_bytes(self.size, "big")

    def public_der(self):
        """SubjectPublicKeyInfo."""
        algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
        return tagged(0x30, algorithm + tagged(0x03, b"\0" + tagged(0x30, integer(self.n) + integer(self.e))))

    def public_pem(self):
        text = base64.b64encode(self.public_der()).decode()
        lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
        return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"


def public(pem):
    """Modulus and exponent of a public key."""
    _, bits = elements(unarmoured(pem))
    return elements(bits[1:])


def verify(modulus, exponent, message, signature):
    size = (modulus.bit_length() + 7) // 8
    return len(signature) == size and pow(int.from_bytes(signature, "big"), exponent, modulus) == encoded(message, size)


def encoded(message, size):
    """EMSA-PKCS1-v1_5, as a number."""
    ending = PREFIX + hashlib.sha256(message).digest()
    return int.from_bytes(b"\0\1" + b"\xff" * (size - len(ending) - 3) + b"\0" + ending, "big")


# As much of DER as keys need.


def unarmoured(pem):
    return base64.b64decode("".join(re.findall(r"^[A-Za-z0-9+/=]+$", pem, re.MULTILINE)))


def elements(data):
    """What a sequence has: numbers, bytes of strings, lists."""
    (value,) = values(data)
    return value


def values(data):
    found, at = [], 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            width = size & 0x7F
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        content, at = data[at : at + size], at + size
        found.append(values(content) if tag == 0x30 else int.from_bytes(content, "big") if tag == 0x02 else content)
    return found


def tagged(tag, content):
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    width = (size.bit_length() + 7) // 8
    return bytes([tag, 0x80 | width]) + size.to_bytes(width, "big") + content


def integer(value):
    return tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))
