Feature: Seeing what can be bought
  Shoppers see the product listing: what there is, what it costs, whether it can be had.

  Rule: The listing shows products in the order of their registration

    Example: A lamp, then a chair
      Given the product "LAMP-0001" is registered as "Desk lamp"
      When the product "CHAIR-0001" is registered as "Chair"
      Then the listing shows "LAMP-0001, CHAIR-0001"

  Rule: A product without a piece to sell is out of stock

    Example: There was never one
      When the product "LAMP-0001" is registered as "Desk lamp" with 0 pieces
      Then the product "LAMP-0001" is shown as out of stock

    Example: The last one is held for an order
      Given the product "LAMP-0001" is registered as "Desk lamp" with 1 piece
      When order "A" reserves 1 piece of stock item "LAMP-0001"
      Then the product "LAMP-0001" is shown as out of stock

  Rule: Shoppers are told when few are left

    Example: The reorder point is reached
      Given the product "LAMP-0001" is registered as "Desk lamp" with 5 pieces
      When the reorder point of stock item "LAMP-0001" is set to 5 pieces
      Then the product "LAMP-0001" is shown as low

  Rule: What comes in can be bought

    Example: A delivery
      Given the product "LAMP-0001" is registered as "Desk lamp" with 0 pieces
      When 3 pieces of stock item "LAMP-0001" are received
      Then the product "LAMP-0001" is shown as in stock
