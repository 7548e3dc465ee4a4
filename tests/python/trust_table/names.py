"""Distinguished names, general names and extensions in DER.

An extension is a triple: its OID, whether it is critical, and its DER value.
"""

import ipaddress

from . import der

_ATTRIBUTES = {
    "CN": "2.5.4.3",
    "C": "2.5.4.6",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "emailAddress": "1.2.840.113549.1.9.1",
}

_PURPOSES = {
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "codeSigning": "1.3.6.1.5.5.7.3.3",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "OCSPSigning": "1.3.6.1.5.5.7.3.9",
    "any": "2.5.29.37.0",
}

_USAGES = [
    "digitalSignature",
    "contentCommitment",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
]

ANY_POLICY = "2.5.29.32.0"


def dn(text):
    """Encode the distinguished name "O=Example/CN=Name", one attribute per RDN.

    Bytes are encoded already.
    """
    if isinstance(text, bytes):
        return text
    parts = [part.partition("=") for part in text.split("/") if part]
    return der.sequence(*(der.set_of(_attribute(kind, value)) for kind, _, value in parts))


def _attribute(kind, value):
    encode = {"C": der.printable, "emailAddress": der.ia5}.get(kind, der.utf8)
    return der.sequence(der.oid(_ATTRIBUTES[kind]), encode(value))


def purpose_oid(name):
    return _PURPOSES.get(name, name)


# General names (RFC 5280, section 4.2.1.6).


def dns(name):
    return der.implicit(2, name.encode("ascii"))


def ip(address):
    """Encode an address, or for a constraint a network such as "10.0.0.0/8"."""
    if "/" in address:
        network = ipaddress.ip_network(address)
        return der.implicit(7, network.network_address.packed + network.netmask.packed)
    return der.implicit(7, ipaddress.ip_address(address).packed)


def email(address):
    return der.implicit(1, address.encode("ascii"))


def uri(address):
    return der.implicit(6, address.encode("ascii"))


def directory(text):
    return der.explicit(4, dn(text))


def other_name(kind, value):
    return der.explicit(0, der.oid(kind), der.explicit(0, der.utf8(value)))


def registered_id(dotted):
    return der.implicit(8, der.oid(dotted)[2:])


# Extensions (RFC 5280, section 4.2).


def basic_constraints(ca, path_len=None, critical=True):
    contents = [der.boolean(True)] if ca else []
    if path_len is not None:
        contents.append(der.integer(path_len))
    return "2.5.29.19", critical, der.sequence(*contents)


def key_usage(*usages, critical=True):
    bits = sum(1 << (15 - _USAGES.index(usage)) for usage in usages)
    encoded = bits.to_bytes(2, "big").rstrip(b"\0")
    unused = (encoded[-1] & -encoded[-1]).bit_length() - 1 if encoded else 0
    return "2.5.29.15", critical, der.bit_string(encoded, unused)


def extended_key_usage(*purposes, critical=False):
    oids = (der.oid(purpose_oid(purpose)) for purpose in purposes)
    return "2.5.29.37", critical, der.sequence(*oids)


def subject_alt_name(*names, critical=False):
    return "2.5.29.17", critical, der.sequence(*names)


def name_constraints(permitted=(), excluded=(), critical=True):
    contents = [
        der.explicit(number, *(der.sequence(name) for name in names))
        for number, names in ((0, permitted), (1, excluded))
        if names
    ]
    return "2.5.29.30", critical, der.sequence(*contents)


def subject_key_identifier(identifier, critical=False):
    return "2.5.29.14", critical, der.octet_string(identifier)


def authority_key_identifier(identifier, critical=False):
    return "2.5.29.35", critical, der.sequence(der.implicit(0, identifier))


def certificate_policies(*policies, critical=False):
    contents = (der.sequence(der.oid(policy)) for policy in policies)
    return "2.5.29.32", critical, der.sequence(*contents)


def policy_mappings(*pairs, critical=True):
    contents = (der.sequence(der.oid(ours), der.oid(theirs)) for ours, theirs in pairs)
    return "2.5.29.33", critical, der.sequence(*contents)


def policy_constraints(require_explicit=None, inhibit_mapping=None, critical=True):
    contents = [
        der.implicit(number, skip.to_bytes(1, "big"))
        for number, skip in ((0, require_explicit), (1, inhibit_mapping))
        if skip is not None
    ]
    return "2.5.29.36", critical, der.sequence(*contents)


def inhibit_any_policy(skip, critical=True):
    return "2.5.29.54", critical, der.integer(skip)


def distribution_point(*names, reasons=None, crl_issuer=None):
    """Encode a DistributionPoint with a full name."""
    contents = [der.explicit(0, der.explicit(0, *names))] if names else []
    if reasons is not None:
        contents.append(der.implicit(1, reasons))
    if crl_issuer is not None:
        contents.append(der.explicit(2, directory(crl_issuer)))
    return der.sequence(*contents)


def crl_distribution_points(*points, critical=False):
    return "2.5.29.31", critical, der.sequence(*points)


def issuing_distribution_point(*names, only=None, critical=True):
    """Return the extension of a CRL for these names, `only` for "user" or "ca" certificates."""
    contents = [der.explicit(0, der.explicit(0, *names))]
    if only is not None:
        contents.append(der.implicit({"user": 1, "ca": 2}[only], b"\xff"))
    return "2.5.29.28", critical, der.sequence(*contents)


def crl_number(number):
    return "2.5.29.20", False, der.integer(number)


def unknown(critical=True):
    """Return an extension under a private arc that no verifier supports."""
    return "1.3.6.1.4.1.55738.666.1", critical, der.NULL


def raw(extension, value):
    """Return the extension with another value."""
    return extension[0], extension[1], value
