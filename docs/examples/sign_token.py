"""Sign a token with a key of the account: `pip install pyjwt`."""

import os
import time

import jwt


def sign(user: dict[str, str]) -> str:
    claims = user | {"iat": int(time.time()), "exp": int(time.time()) + 3600}
    return jwt.encode(claims, os.environ["SECRET"], algorithm="HS256", headers={"kid": os.environ["KID"]})


print(sign({name: os.environ[name] for name in ("userId", "accountId", "email", "role")}))
