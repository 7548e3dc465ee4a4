"""Builds certificates and CRLs, valid or not, from their fields.

Nothing is signed before `der` is read, so a table may define many.
"""

import datetime
import functools
import hashlib

from . import der, keys, names

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def _signed(tbs, algorithm, signature):
    return der.sequence(tbs, algorithm, der.bit_string(signature))


def days(count):
    return datetime.timedelta(days=count)


_serials = iter(range(0x1000, 0x100000))


class Cert:
    """A certificate, self-signed without an `issuer`.

    `signer` and `issuer_name` override the issuer's key and name, and `outer_digest` the hash
    function of the signature algorithm outside of what is signed.  `valid` is the validity
    period in days from now.
    """

    def __init__(
        self,
        subject,
        issuer=None,
        extensions=(),
        *,
        key,
        version=3,
        valid=(-10, 30),
        digest="sha256",
        outer_digest=None,
        signer=None,
        issuer_name=None,
        serial=None,
    ):
        self.subject = subject
        self.issuer = issuer or self
        self.extensions = tuple(extensions)
        self.key = key
        self.version = version
        self.valid = valid
        self.digest = digest
        self.outer_digest = outer_digest or digest
        self.signer = signer or self.issuer.key
        self.issuer_name = self.issuer.subject if issuer_name is None else issuer_name
        self.serial = next(_serials) if serial is None else serial

    @functools.cached_property
    def der(self):
        algorithm = keys.algorithm(self.signer, self.digest)
        start, end = self.valid
        fields = [
            der.integer(self.serial),
            algorithm,
            names.dn(self.issuer_name),
            der.sequence(der.time(NOW + days(start)), der.time(NOW + days(end))),
            names.dn(self.subject),
            keys.spki(self.key),
        ]
        if self.version > 1:
            fields.insert(0, der.explicit(0, der.integer(self.version - 1)))
        if self.extensions:
            fields.append(der.explicit(3, _extensions(self.extensions)))
        tbs = der.sequence(*fields)
        outer = keys.algorithm(self.signer, self.outer_digest)
        return _signed(tbs, outer, keys.sign(self.signer, self.digest, tbs))

    @property
    def pem(self):
        return der.pem("CERTIFICATE", self.der)

    @property
    def sha256(self):
        return hashlib.sha256(self.der).hexdigest()


def _extensions(extensions):
    def encode(extension):
        kind, critical, value = extension() if callable(extension) else extension
        flag = [der.boolean(True)] if critical else []
        return der.sequence(der.oid(kind), *flag, der.octet_string(value))

    return der.sequence(*map(encode, extensions))


def ski(key_spec, critical=False):
    """Return a function that makes the extension, so that no key is generated yet."""
    return lambda: names.subject_key_identifier(keys.identifier(key_spec), critical)


def aki(key_spec, critical=False):
    return lambda: names.authority_key_identifier(keys.identifier(key_spec), critical)


_SLOTS = ("bc", "ku", "eku", "san", "nc", "ski", "aki")


def _cert(subject, issuer, key_spec, profile, more, changes):
    """Return a certificate with the extensions of a profile and `more`.

    `changes` replace an extension of the profile, or leave it out with None.  A version 1
    certificate has no extensions.
    """
    slots = {slot: changes.pop(slot) for slot in _SLOTS if slot in changes}
    extensions = [*(one for one in {**profile, **slots}.values() if one is not None), *more]
    if changes.get("version", 3) < 3:
        extensions = []
    return Cert(subject, issuer, extensions, key=key_spec, **changes)


def root(*more, subject="CN=Root", key="p256 root", **changes):
    """Return a self-signed CA certificate."""
    profile = {
        "bc": names.basic_constraints(True),
        "ku": names.key_usage("keyCertSign", "cRLSign"),
        "ski": ski(key),
    }
    return _cert(subject, None, key, profile, more, changes)


def intermediate(issuer, *more, subject="CN=Intermediate", key="p256 intermediate", **changes):
    """Return a CA certificate that `issuer` signed."""
    profile = {
        "bc": names.basic_constraints(True),
        "ku": names.key_usage("keyCertSign", "cRLSign"),
        "ski": ski(key),
        "aki": aki(issuer.key),
    }
    return _cert(subject, issuer, key, profile, more, changes)


def leaf(issuer, *more, subject="CN=A leaf", key="p256 leaf", **changes):
    """Return an end-entity certificate for localhost and 127.0.0.1."""
    profile = {
        "bc": names.basic_constraints(False),
        "ku": names.key_usage("digitalSignature"),
        "eku": names.extended_key_usage("serverAuth", "clientAuth"),
        "san": names.subject_alt_name(names.dns("localhost"), names.ip("127.0.0.1")),
        "ski": ski(key),
        "aki": aki(issuer.key),
    }
    return _cert(subject, issuer, key, profile, more, changes)


def self_signed(*more, subject="CN=A leaf", key="p256 leaf", **changes):
    """Return a self-signed certificate like that of `openssl req -x509`: cA TRUE, with names."""
    profile = {
        "ski": ski(key),
        "aki": aki(key),
        "bc": names.basic_constraints(True),
        "san": names.subject_alt_name(names.dns("localhost"), names.ip("127.0.0.1")),
    }
    return _cert(subject, None, key, profile, more, changes)


class Crl:
    """A CRL that revokes certificates of an issuer.

    `signer` overrides the issuer's key.  `this` and `until` are thisUpdate and nextUpdate
    in days from now; `until` None omits nextUpdate.  `reason` is the number of the reason
    that every entry gives, and `issuer_name` overrides the issuer's name.
    """

    def __init__(
        self,
        issuer,
        *revoked,
        signer=None,
        version=2,
        this=-1,
        until=7,
        digest="sha256",
        extensions=None,
        reason=None,
        issuer_name=None,
    ):
        self.issuer = issuer
        self.issuer_name = issuer.subject if issuer_name is None else issuer_name
        self.reason = reason
        self.revoked = revoked
        self.signer = signer or issuer.key
        self.version = version
        self.this, self.until = this, until
        self.digest = digest
        self.extensions = extensions

    @functools.cached_property
    def der(self):
        algorithm = keys.algorithm(self.signer, self.digest)
        fields = [algorithm, names.dn(self.issuer_name), der.time(NOW + days(self.this))]
        if self.until is not None:
            fields.append(der.time(NOW + days(self.until)))
        date = der.time(NOW + days(self.this))
        if self.revoked:
            about = [date]
            if self.reason is not None:
                code = der.tlv(0x0A, bytes([self.reason]))
                about.append(_extensions([("2.5.29.21", False, code)]))
            entries = (der.sequence(der.integer(one.serial), *about) for one in self.revoked)
            fields.append(der.sequence(*entries))
        if self.version > 1:
            fields.insert(0, der.integer(self.version - 1))
            extensions = self.extensions
            if extensions is None:
                extensions = [aki(self.signer), names.crl_number(1)]
            if extensions:
                fields.append(der.explicit(0, _extensions(extensions)))
        tbs = der.sequence(*fields)
        return _signed(tbs, algorithm, keys.sign(self.signer, self.digest, tbs))

    @property
    def pem(self):
        return der.pem("X509 CRL", self.der)
