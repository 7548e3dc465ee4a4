"""What tornado's own runner does before its tests, which some of them rely on."""

import logging

logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
