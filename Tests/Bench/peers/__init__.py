"""The proxies that are compared, each with one worker. Order here is the order of tables and charts."""

from peers.h2o import H2O
from peers.haproxy import HAProxy, HAProxySecure
from peers.larder import LarderMemory, LarderPassThrough, LarderRedis, LarderSecure, LarderTiered
from peers.lua_redis import LuaRedis
from peers.nginx import NginxCache, NginxSecure
from peers.varnish import Varnish


def all_setups(larder_binary):
    return [
        HAProxy(), NginxCache(), Varnish(), LuaRedis(),
        LarderMemory(larder_binary), LarderRedis(larder_binary), LarderTiered(larder_binary),
        LarderPassThrough(larder_binary),
        HAProxySecure(), NginxSecure(), H2O(), LarderSecure(larder_binary),
    ]
