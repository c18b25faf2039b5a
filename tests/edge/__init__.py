"""The edge's files, and a real Kamailio with a real rtpengine that live by them."""
