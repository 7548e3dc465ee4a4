"""make_certs.py NAMES: a CA, and a certificate for the names, in ./certs."""

import sys

import tlsmith

ca = tlsmith.CA()
ca.write("certs", name="my-ca")
for path in ca.issue(*sys.argv[1:]).write("certs"):
    print(path)
