import CLZ4
import CZlib
import Crypto
