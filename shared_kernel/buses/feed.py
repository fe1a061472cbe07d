from shared_kernel.buses.in_process import InProcessBus

RemoteFeed = object


class FeedBus(InProcessBus):
    def __init__(self, feeds):
        super().__init__()
