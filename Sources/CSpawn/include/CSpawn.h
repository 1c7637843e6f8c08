#ifndef RPCV_CSPAWN_H
#define RPCV_CSPAWN_H
#endif
