"""The certificate provisioning service: signs contracts under a V2G root that the car trusts."""
