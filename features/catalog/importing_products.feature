Feature: Importing products
  A supplier's file has more products than anybody wants to type. It is taken as a whole;
  then the products are registered one after the other, while the shop goes on.

  @quick
  Rule: What is right is registered, and what is wrong is refused by its row

    Example: Two lamps, and one without a name
      When a file of products is sent
        | sku       | name       | stock_count |
        | LAMP-0001 | Desk lamp  | 5           |
        | LAMP-0002 |            | 2           |
        | LAMP-0003 | Floor lamp | 0           |
      Then the import registers 2 products, skips 0 and refuses 1
      And row 3 is refused because of its name
      And the product "LAMP-0001" is listed as "Desk lamp"
      And the stock item "LAMP-0001" has 5 pieces on hand
      And the product "LAMP-0003" is shown as out of stock

    Example: A lamp whose SKU is taken
      Given the product "LAMP-0001" is registered as "Desk lamp"
      When a file of products is sent
        | sku       | name       |
        | LAMP-0001 | Floor lamp |
      Then the import registers 0 products, skips 0 and refuses 1
      And row 2 is refused because the SKU is taken by "Desk lamp"
      And the product "LAMP-0001" is listed as "Desk lamp"

  Rule: What is registered already is skipped, so a file may be sent again

    Example: The row without a name has been corrected
      Given a file of products has been imported
        | sku       | name      |
        | LAMP-0001 | Desk lamp |
      When a file of products is sent
        | sku       | name       |
        | LAMP-0001 | Desk lamp  |
        | LAMP-0002 | Floor lamp |
      Then the import registers 1 product, skips 1 and refuses 0

  Rule: A product that is registered differently changes only if that is asked for

    Example: The supplier's new catalogue
      Given the product "LAMP-0001" is registered as "Desk lamp" at 19.99 EUR
      When a file of products is sent as an update, with prices in EUR
        | sku       | name        | price |
        | LAMP-0001 | Floor lamp  | 24.00 |
        | LAMP-0002 | Ceiling fan | 80.00 |
      Then the import registers 1 product, updates 1, skips 0 and refuses 0
      And the product "LAMP-0001" is listed as "Floor lamp"
      And the product "LAMP-0001" costs 24.00 EUR

  @slow
  Rule: What somebody changed after the file was sent is newer than the file

    Example: A lamp is renamed while its file waits
      Given the product "LAMP-0001" is registered as "Desk lamp"
      And the workers pause
      When a file of products is sent as an update, with prices in EUR
        | sku       | name       |
        | LAMP-0001 | Floor lamp |
      And the product "LAMP-0001" is renamed to "Reading lamp"
      And the workers go on
      Then the import registers 0 products, updates 0, skips 0 and refuses 1
      And row 2 is refused because "LAMP-0001" was changed after the file was sent
      And the product "LAMP-0001" is listed as "Reading lamp"

  Rule: A dry run tells of each row what would be, and keeps nothing

    Example: One lamp would be registered, and one renamed
      Given the product "LAMP-0001" is registered as "Desk lamp"
      When a file of products is sent as a dry run of an update
        | sku       | name       |
        | LAMP-0001 | Floor lamp |
        | LAMP-0002 | Table lamp |
        | LAMP-0003 |            |
      Then the import registers 1 product, updates 1, skips 0 and refuses 1
      And of the rows it tells
        | row | outcome    |
        | 2   | updated    |
        | 3   | registered |
        | 4   | refused    |
      And the product "LAMP-0001" is listed as "Desk lamp"
      And the product "LAMP-0002" is not listed

  Rule: Of two rows with one SKU the first one counts

    Example: The supplier lists a lamp twice
      When a file of products is sent
        | sku       | name       |
        | LAMP-0001 | Desk lamp  |
        | LAMP-0001 | Floor lamp |
      Then the import registers 1 product, skips 0 and refuses 1
      And row 3 is refused because the SKU is taken by "Desk lamp"

  Rule: A file that cannot be read is refused as a whole

    Example: A file without names
      When a file of products is sent
        | sku       | colour |
        | LAMP-0001 | brass  |
      Then that is refused because the file has no column "name"
      And the product "LAMP-0001" is not listed

  Rule: Columns that mean nothing to us are left out

    Example: A file with another column
      When a file of products is sent
        | SKU       | Name      | colour |
        | LAMP-0001 | Desk lamp | brass  |
      Then the import registers 1 product, skips 0 and refuses 0
      And the import tells that the column "colour" is left out
      And the product "LAMP-0001" is listed as "Desk lamp"

  @slow
  Rule: An import can be cancelled until it is done

    Example: The wrong file
      Given the workers pause
      When a file of products is sent
        | sku       | name      |
        | LAMP-0001 | Desk lamp |
      And the import is cancelled
      And the workers go on
      Then the import is cancelled, with 0 products registered
      And the product "LAMP-0001" is not listed

    Example: Too late
      Given a file of products has been imported
        | sku       | name      |
        | LAMP-0001 | Desk lamp |
      When the import is cancelled
      Then that is refused because the import has ended
      And the product "LAMP-0001" is listed as "Desk lamp"

  Rule: One product can wait, too

    Example: A lamp that is registered later
      When the product "LAMP-0001" is to be registered later as "Desk lamp"
      Then the import registers 1 product, skips 0 and refuses 0
      And the product "LAMP-0001" is listed as "Desk lamp"
