"""Which certificate authority our own account will trust; TLS is never left unchecked in what is stored."""

from __future__ import annotations

from fedsched.kube.join.caller import Caller, Connection
from fedsched.kube.join.object_paths import collection
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.kubeconfig import Access

ROOT_CA = "kube-root-ca.crt"


def checked_authority(caller: Caller, access: Access, namespace: str) -> str:
    """The CA in PEM ("" for the machine's own) under which the server's certificate holds.

    Where the operator allowed one unchecked connection, the cluster's own CA is taken from it and must fit the
    server's certificate from then on.
    """
    if access.verify:
        return access.ca_pem
    answer = caller.call("GET", f"{collection('ConfigMap', namespace)}/{ROOT_CA}")
    pem = (answer.body.get("data") or {}).get("ca.crt") if answer.ok else None
    way_out = "put the CA of that server into certificate-authority-data of the kubeconfig"
    if not isinstance(pem, str) or "PRIVATE KEY" in pem:
        raise JoinError(f"{access.server}: its CA cannot be learnt from ConfigMap {ROOT_CA}", way_out)
    try:
        Connection(Access(server=access.server, context="", ca_pem=pem, tls_server_name=access.tls_server_name)).call(
            "GET", "/version"
        )
    except (JoinError, ValueError):
        raise JoinError(f"{access.server}: its certificate is not signed by the cluster's CA", way_out) from None
    return pem
