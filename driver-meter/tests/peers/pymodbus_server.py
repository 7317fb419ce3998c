"""A Modbus server by pymodbus with the registers of a simulated SDM120: `tcp PORT` or `rtu PATH`.

Unit 1 has input registers with 32-bit floats: 230.25 V at 0, 1.5 A at 6, 321.5 W at 12, and zeros up to 400.
"""

import struct
import sys

from pymodbus import FramerType
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import StartSerialServer, StartTcpServer

registers = [0] * 400
for address, value in ((0, 230.25), (6, 1.5), (12, 321.5), (18, 345.0), (30, 0.93), (70, 50.0), (72, 12.345)):
    registers[address : address + 2] = struct.unpack(">HH", struct.pack(">f", value))

# The context counts registers from 1, the wire from 0.
context = ModbusServerContext(devices={1: ModbusDeviceContext(ir=ModbusSequentialDataBlock(1, registers))}, single=False)
if sys.argv[1] == "tcp":
    StartTcpServer(context, address=("127.0.0.1", int(sys.argv[2])))
else:
    StartSerialServer(context, port=sys.argv[2], framer=FramerType.RTU, baudrate=115200, timeout=1)
