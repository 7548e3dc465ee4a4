"""request.py: a CA, somebody's request to it, and the certificate, as files."""

import tlsmith

# Once: an authority.
ca = tlsmith.CA("ROOT CA", key="ed448", valid="3650d")
ca.cert.save("root.pem")
ca.key.save("root-key.pem")

# Whoever wants a certificate makes a key, which stays there, and a request.
csr = tlsmith.CSR("localhost", key="ed448")
csr.save("localhost.csr", "localhost-key.pem")

# The authority reads the request, and issues what it asks for.
ca = tlsmith.CA.load("root.pem", "root-key.pem")
site = ca.sign("localhost.csr", copy_extensions=True)
site.write(".", name="localhost")
print(site.cert.text())
