"""Header values that backends and the program both write."""

from urllib.parse import quote

# RFC 8187 attr-char, without what quote() never touches.
_ATTR_CHARS = "!#$&+^`|"


def content_disposition(filename: str, disposition: str = "attachment") -> str:
    """RFC 6266: an ASCII ``filename`` for old clients, and the real one by RFC 8187.

    Nothing in a file name can end the header or the quoted string. Backends use it
    for the answers behind :meth:`~webapp.contracts.backends.StorageBackend.presigned_get_url`.
    """
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in filename)
    if plain == filename:
        return f'{disposition}; filename="{plain}"'
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe=_ATTR_CHARS)}"
