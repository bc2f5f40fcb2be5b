# Finds the cluster to work on. Sourced by tests/cluster/deploy and undeploy.
# Sets KUBECONFIG where it must, `target` (context, k3s or own), `where` (for people) and `load`
# (the command that loads an image's archive).

answers() { kubectl get --raw /readyz --request-timeout 5s >/dev/null 2>&1; }

use_k3s() {
  target=k3s where="k3s of this machine"
  export KUBECONFIG=/etc/rancher/k3s/k3s.yaml
  [ -r "$KUBECONFIG" ] || fail "k3s is installed, but $KUBECONFIG cannot be read: run as root, or set KUBECONFIG"
  load=(k3s ctr images import)
}

use_own() {
  target=own where="a cluster of its own (tests/cluster)"
  programs=$("$here/programs/build")
  KUBECONFIG=$("$here/up" up 0)
  export KUBECONFIG PATH=$programs:$PATH
  load=(ctr -a /var/lib/tradinglab-cluster/up/containerd/containerd.sock -n k8s.io images import)
}

find_cluster() {
  if ! command -v kubectl >/dev/null && command -v k3s >/dev/null; then
    kubectl() { k3s kubectl "$@"; }
  fi
  local context=""
  command -v kubectl >/dev/null && context=$(kubectl config current-context 2>/dev/null || true)
  if [ -n "$context" ]; then
    if answers; then
      target=context where="kube context $context"
      load=()
      if [ -n "${IMAGE_LOAD:-}" ]; then read -ra load <<< "$IMAGE_LOAD"
      elif command -v k3s >/dev/null && kubectl config view --minify | grep -q 'server: https://127.0.0.1:6443'; then
        load=(k3s ctr images import)
      fi
      return
    fi
    [ -z "${KUBECONFIG:-}" ] || fail "kube context $context (KUBECONFIG=$KUBECONFIG) does not answer"
    say "kube context $context does not answer, looking further"
  fi
  if command -v k3s >/dev/null; then use_k3s; return; fi
  [ "$(uname -s)" = Linux ] && [ "$(id -u)" -eq 0 ] ||
    fail "no cluster: set a kube context, install k3s, or run as root on Linux to start one here"
  use_own
}
