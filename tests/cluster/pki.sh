# Certificates and kubeconfigs of a single-node cluster. Sourced by tests/cluster/up.

make_certificates() { # directory, the node's address, the API server's service address
  local directory=$1 node_address=$2 service_address=$3
  [ -f "$directory/complete" ] && return
  (
    cd "$directory"
    openssl ecparam -name prime256v1 -genkey -noout -out ca.key
    # Python 3.13 and newer verify strictly: key usage on the authority, key identifiers everywhere
    openssl req -x509 -new -key ca.key -subj /CN=tradinglab-cluster -days 365 -out ca.crt \
      -addext keyUsage=critical,digitalSignature,keyCertSign,cRLSign
    certificate() { # name, subject, extensions
      openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
      openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
      openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out "$1.crt" \
        -extfile <(printf '%s\n' basicConstraints=CA:FALSE keyUsage=critical,digitalSignature \
          subjectKeyIdentifier=hash authorityKeyIdentifier=keyid "${3:-extendedKeyUsage=clientAuth}") 2>/dev/null
    }
    local names=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost
    certificate apiserver /CN=kube-apiserver \
      "extendedKeyUsage=serverAuth,clientAuth"$'\n'"subjectAltName=$names,IP:127.0.0.1,IP:$service_address,IP:$node_address"
    certificate admin /O=system:masters/CN=admin
    certificate kcm /CN=system:kube-controller-manager
    certificate sched /CN=system:kube-scheduler
    certificate proxy /CN=system:kube-proxy
    certificate node /O=system:nodes/CN=system:node:box \
      "extendedKeyUsage=serverAuth,clientAuth"$'\n'"subjectAltName=DNS:box,IP:$node_address"
    openssl genrsa -out sa.key 2048 2>/dev/null
    touch complete
  )
}

write_kubeconfig() { # directory, user, server
  cat > "$1/$2.kubeconfig" <<CONFIG
apiVersion: v1
kind: Config
clusters: [{name: tradinglab, cluster: {server: "$3", certificate-authority: $1/ca.crt}}]
users: [{name: $2, user: {client-certificate: $1/$2.crt, client-key: $1/$2.key}}]
contexts: [{name: tradinglab, context: {cluster: tradinglab, user: $2}}]
current-context: tradinglab
CONFIG
}
