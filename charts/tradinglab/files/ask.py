"""Asks the programs of a release how they are; the pod of `helm test` runs it.

Arguments: URLs whose answer must be 200. Prints what each said; exit status 1 if one is not well.
"""

import sys
import time
import urllib.error
import urllib.request

TRIES, PAUSE_SECONDS, TIMEOUT_SECONDS = 5, 2, 5


def asked(url: str) -> tuple[bool, str]:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return True, answer.read(500).decode("utf-8", "replace").strip()
    except urllib.error.HTTPError as error:
        return False, f"{error.code} {error.read(500).decode('utf-8', 'replace').strip()}"
    except OSError as error:
        return False, f"no answer: {error}"


def main(urls: list[str]) -> int:
    unwell = 0
    for url in urls:
        for attempt in range(TRIES):
            well, said = asked(url)
            if well:
                break
            time.sleep(PAUSE_SECONDS * (attempt + 1 < TRIES))
        sys.stdout.write(f"{'ok    ' if well else 'UNWELL'} {url}: {said}\n")
        unwell += not well
    return min(unwell, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
