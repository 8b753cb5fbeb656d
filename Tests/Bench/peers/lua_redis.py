"""nginx with Lua and Redis: the cache an API team writes by hand, with pooled connections."""

import os

from peers.nginx import find_module, nginx_command, nginx_version
from peers.setup import HITS, IDLE, STORE, Setup

LUA_FOLDERS = ("/usr/share/lua/5.1", "/usr/local/share/lua/5.1")
REDIS_CLIENTS = ("nginx.redis", "resty.redis")  # Debian's name for the library, and its own


class LuaRedis(Setup):
    slug = "lua-redis"
    name = "nginx + Lua + Redis"
    cases = HITS + IDLE + STORE
    programs = ("nginx",)
    uses_redis = True

    def missing(self):
        return super().missing() or next(
            (name for name, found in (
                ("libnginx-mod-http-lua", lua_modules()), ("lua-nginx-redis", redis_client())) if not found),
            None)

    def version(self):
        return nginx_version()

    def command(self, folder, port, origin_port, redis_port):
        paths = ";".join(f"{folder}/?.lua" for folder in LUA_FOLDERS)
        server = f"""
    lua_package_path "{paths};;";
    upstream origin {{ server 127.0.0.1:{origin_port}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location /hit/ {{
            content_by_lua_block {{
                local redis = require "{redis_client()}"
                redis.add_commands("setex")
                local key = "bench:" .. ngx.md5(ngx.var.request_uri)
                local store = redis:new()
                store:set_timeout(1000)
                local connected = store:connect("127.0.0.1", {redis_port})
                local body = connected and store:get(key)
                if not body or body == ngx.null then
                    local answer = ngx.location.capture("/origin" .. ngx.var.request_uri)
                    if answer.status ~= 200 then return ngx.exit(502) end
                    body = answer.body
                    if connected then store:setex(key, 3600, body) end
                end
                if connected then store:set_keepalive(60000, 64) end
                ngx.header["Content-Type"] = "application/json"
                ngx.header["Content-Length"] = #body
                ngx.print(body)
            }}
        }}
        location /origin/ {{
            internal;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://origin/;
        }}
    }}"""
        return nginx_command(folder, server, lua_modules())


def lua_modules():
    found = [find_module(name) for name in ("ndk_http_module.so", "ngx_http_lua_module.so")]
    return found if all(found) else None


def redis_client():
    for name in REDIS_CLIENTS:
        file = name.replace(".", "/") + ".lua"
        if any(os.path.exists(os.path.join(folder, file)) for folder in LUA_FOLDERS):
            return name
    return None
